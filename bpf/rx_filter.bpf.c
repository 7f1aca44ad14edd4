// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include "rx_filter_counters.bpf.h"
#include "rx_filter_device.bpf.h"
#include "rx_filter_drops.bpf.h"
#include "rx_filter_steering.bpf.h"
#include "rx_filter_verdict.bpf.h"

/* Beside other programs in libxdp's dispatcher: early, since most programs want
 * to see only what is wanted; a passed frame goes on to the next one.
 */
struct {
	__uint(priority, 10);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(rxf_early_xdp);

/* True: the frame is not wanted. The early drop counts only what it drops. */
static __always_inline bool is_rejected_early(struct rxf_ruling ruling, __u64 packets, __u64 bytes)
{
	if (rxf_config.trace)
		rxf_trace = ruling;
	if (ruling.why)
		return false;
	count(RXF_COUNTERS_EARLY, ruling.reason, packets, bytes);
	return true;
}

/* What becomes of a frame that is not wanted. */
static __always_inline int reject_xdp(struct xdp_md *ctx, __u32 reason)
{
	bool armed = is_armed();

	if (has_listener()) {
		struct rejection rejection = rejection_of(RXF_COUNTERS_EARLY, reason, armed);

		sample_xdp(ctx, &rejection);
	}
	return armed ? XDP_DROP : XDP_PASS;
}

/* Never TC_ACT_OK, which would hide the frame from later filters. */
static __always_inline int reject_skb(struct __sk_buff *skb, __u32 hook, __u32 reason)
{
	bool armed = is_armed();

	if (has_listener()) {
		struct rejection rejection = rejection_of(hook, reason, armed);

		sample_skb(skb, &rejection);
	}
	return armed ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

static __always_inline int too_short(int action)
{
	if (rxf_config.trace)
		rxf_trace = ruling_of(RXF_ADMITTED, RXF_WHY_TOO_SHORT);
	return action;
}

SEC("xdp.frags")
int rxf_early_xdp(struct xdp_md *ctx)
{
	struct rxf_ruling ruling;
	struct frame frame;
	__u64 dev;

	if (!parse_xdp(ctx, &frame))
		return too_short(XDP_PASS);
	dev = xdp_device(ctx);
	if (!rxf_config.judge_frame_vlan || (dev && may_strip_tags(dev)))
		hide_tags(&frame);
	ruling = rule_early(&frame, dev);
	if (!ruling.why && dev)
		ruling.why = why_device_wants(dev, &frame, true);
	if (!is_rejected_early(ruling, 1, bpf_xdp_get_buff_len(ctx)))
		return XDP_PASS;
	return reject_xdp(ctx, ruling.reason);
}

SEC("tc")
int rxf_early_tc(struct __sk_buff *skb)
{
	struct rxf_ruling ruling;
	struct frame frame;
	__u64 dev;

	if (!parse_skb(skb, &frame))
		return too_short(TC_ACT_UNSPEC);
	dev = skb_device(skb);
	ruling = rule_early(&frame, dev);
	if (!ruling.why && dev)
		ruling.why = why_device_wants(dev, &frame, false);
	if (!is_rejected_early(ruling, wire_packets(skb), skb->len))
		return TC_ACT_UNSPEC;
	return reject_skb(skb, RXF_COUNTERS_EARLY, ruling.reason);
}

/* Whether the frame came here by steering; macvlan marks what it delivers itself. */
static __always_inline bool is_steered(const struct frame *frame)
{
	struct rxf_steering *claim = is_group(frame) ? NULL : claim_on(frame);

	return claim && claim->index == rxf_config.guard_index;
}

SEC("tc")
int rxf_guard(struct __sk_buff *skb)
{
	__u32 hook = RXF_COUNTERS_FIRST_GUARD + rxf_config.guard_index;
	struct rxf_ruling ruling;
	struct frame frame;

	if (!parse_skb(skb, &frame))
		return too_short(TC_ACT_UNSPEC);
	ruling = rule_upper(active_of(rxf_config.guard_index), &frame, skb_device(skb));
	if (rxf_config.trace)
		rxf_trace = ruling;
	count(hook, ruling.reason, wire_packets(skb), skb->len);
	/* As macvlan does it with what it delivers itself: a steered frame is for this device. */
	if (ruling.why && skb->pkt_type == PACKET_OTHERHOST && is_steered(&frame))
		bpf_skb_change_type(skb, PACKET_HOST);
	return ruling.why ? TC_ACT_UNSPEC : reject_skb(skb, hook, ruling.reason);
}

/* On the lower device: hands a frame to the upper that has the address as a further one. */
SEC("tc")
int rxf_steer(struct __sk_buff *skb)
{
	__u64 dev = skb_device(skb);
	struct rxf_steering *claim;
	__u32 ifindex, why = 0;
	struct frame frame;

	if (!parse_skb(skb, &frame) || is_group(&frame))
		return TC_ACT_UNSPEC;
	claim = claim_on(&frame);
	ifindex = claim ? upper_with(claim, &frame) : 0;
	if (ifindex && dev)
		why = why_not_steered(dev, ifindex, &frame, claim);
	if (rxf_config.trace)
		rxf_trace = ruling_of(RXF_ADMITTED, why);
	if (!ifindex || why || !is_armed())
		return TC_ACT_UNSPEC;
	if (!rxf_config.trace && !restore_header(skb))
		return TC_ACT_UNSPEC;
	if (!rxf_config.trace && dev && is_shared(dev, &frame)) {
		bpf_clone_redirect(skb, ifindex, BPF_F_INGRESS);
		return TC_ACT_UNSPEC;
	}
	return bpf_redirect(ifindex, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "GPL";
