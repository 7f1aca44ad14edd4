// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include "rx_filter_counters.bpf.h"
#include "rx_filter_device.bpf.h"
#include "rx_filter_verdict.bpf.h"

/* Beside other programs in libxdp's dispatcher: early, since most programs want
 * to see only what is wanted; a passed frame goes on to the next one.
 */
struct {
	__uint(priority, 10);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(rxf_early_xdp);

SEC("xdp.frags")
int rxf_early_xdp(struct xdp_md *ctx)
{
	struct frame frame;
	__u32 reason;

	if (!parse_xdp(ctx, &frame))
		return XDP_PASS;
	/* With the outer tag stripped the first tag in sight is an inner one. */
	if (!rxf_config.judge_frame_vlan) {
		frame.vid = 0;
		frame.vid_known = false;
	}
	reason = judge_early(&frame);
	if (reason == RXF_ADMITTED || xdp_stands_down(ctx))
		return XDP_PASS;
	count(RXF_COUNTERS_EARLY, reason, 1, bpf_xdp_get_buff_len(ctx));
	return XDP_DROP;
}

SEC("tc")
int rxf_early_tc(struct __sk_buff *skb)
{
	struct frame frame;
	__u32 reason;

	if (!parse_skb(skb, &frame))
		return TC_ACT_UNSPEC;
	reason = judge_early(&frame);
	if (reason == RXF_ADMITTED || skb_stands_down(skb))
		return TC_ACT_UNSPEC;
	count(RXF_COUNTERS_EARLY, reason, wire_packets(skb), skb->len);
	return TC_ACT_SHOT;
}

SEC("tc")
int rxf_guard(struct __sk_buff *skb)
{
	struct frame frame;
	__u32 reason;

	if (!parse_skb(skb, &frame))
		return TC_ACT_UNSPEC;
	reason = judge_guard(&frame);
	count(RXF_COUNTERS_FIRST_GUARD + rxf_config.guard_index, reason, wire_packets(skb),
	      skb->len);
	/* Not TC_ACT_OK, which would hide the frame from later filters. */
	return reason == RXF_ADMITTED ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
