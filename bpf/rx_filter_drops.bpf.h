/* SPDX-License-Identifier: GPL-2.0-only */
/* Samples of what is dropped, while somebody listens: rxf_drop_lease, rxf_drop. */
#ifndef RX_FILTER_DROPS_BPF_H
#define RX_FILTER_DROPS_BPF_H

#include "rx_filter_counters.bpf.h"
#include "rx_filter_frame.bpf.h"

/* One that was dropped, or in shadow would have been. */
struct rejection {
	__u32 hook;
	__u32 reason;
	__u32 flags;
};

static __always_inline struct rejection rejection_of(__u32 hook, __u32 reason, bool armed)
{
	struct rejection rejection = {
		.hook = hook,
		.reason = reason,
		.flags = armed ? 0 : RXF_DROP_SHADOWED,
	};

	return rejection;
}

/* All that a drop costs while nobody listens. */
static __always_inline bool has_listener(void)
{
	__u32 zero = 0;
	struct rxf_drop_lease *lease = bpf_map_lookup_elem(&drop_lease, &zero);

	return lease && *(const volatile __u64 *)&lease->deadline;
}

/* A listener that has died is forgotten, unless another one came just now. */
static __always_inline bool is_in_force(struct rxf_drop_lease *lease, __u64 now)
{
	__u64 deadline = *(const volatile __u64 *)&lease->deadline;

	if (now < deadline)
		return true;
	__sync_val_compare_and_swap(&lease->deadline, deadline, 0);
	return false;
}

/* CPUs that meet here may take one sample too many. */
static __always_inline bool is_due(struct rxf_drop_lease *lease, __u64 now)
{
	__u64 next = *(const volatile __u64 *)&lease->next;

	if (next > now + lease->burst)
		return false;
	*(volatile __u64 *)&lease->next = (next > now ? next : now) + lease->interval;
	return true;
}

static __always_inline struct rxf_drop *reserve_drop(const struct rejection *rejection,
						     __u32 packets)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct rxf_drop *drop = NULL;
	struct rxf_drop_lease *lease;
	__u32 zero = 0;

	lease = bpf_map_lookup_elem(&drop_lease, &zero);
	if (!lease || !is_in_force(lease, now))
		return NULL;
	if (is_due(lease, now))
		drop = bpf_ringbuf_reserve(&drops, sizeof(*drop), 0);
	if (!drop) {
		__sync_fetch_and_add(&lease->unsampled, packets);
		return NULL;
	}
	drop->time = now;
	drop->hook = rejection->hook;
	drop->reason = rejection->reason;
	drop->flags = rejection->flags;
	drop->packets = packets;
	drop->captured = 0;
	drop->tpid = 0;
	drop->tci = 0;
	return drop;
}

/* `size` is not 0. The verifier wants to see both bounds after the compiler has had its way with
 * them, and that of Linux 6.1 does not take "not 0" for the lower one.
 */
static __always_inline __u32 at_most(__u64 size, __u32 limit)
{
	__u32 last = (size < limit ? size : limit) - 1;

	barrier_var(last);
	return (last < limit ? last : limit - 1) + 1;
}

static __noinline void sample_xdp(struct xdp_md *ctx, const struct rejection *rejection)
{
	struct rxf_drop *drop = reserve_drop(rejection, 1);
	__u32 size;

	if (!drop)
		return;
	drop->ifindex = ctx->ingress_ifindex;
	drop->length = bpf_xdp_get_buff_len(ctx);
	size = at_most(drop->length, RXF_DROP_FRAME_SIZE);
	if (!bpf_xdp_load_bytes(ctx, 0, drop->frame, size))
		drop->captured = size;
	bpf_ringbuf_submit(drop, 0);
}

/* Whether skb->data is at the MAC header, which is in drop->frame: see parse_skb_bytes(). */
static __always_inline bool begins_at_mac(struct __sk_buff *skb, const struct rxf_drop *drop)
{
	const __u64 *header = (const __u64 *)drop->frame;
	__u64 beginning[2] = {};

	if (bpf_skb_load_bytes(skb, 0, beginning, ETH_HLEN))
		return false;
	return beginning[0] == header[0] && beginning[1] == header[1];
}

/* In two parts, since only what skb->data begins with can be read beyond the linear part. */
static __always_inline void capture_skb(struct __sk_buff *skb, struct rxf_drop *drop)
{
	__u32 before, size;

	((__u64 *)drop->frame)[1] = 0;
	drop->length = skb->len;
	if (bpf_skb_load_bytes_relative(skb, 0, drop->frame, ETH_HLEN, BPF_HDR_START_MAC))
		return;
	before = begins_at_mac(skb, drop) ? ETH_HLEN : 0;
	drop->length = skb->len - before + ETH_HLEN;
	drop->captured = ETH_HLEN;
	if (skb->len == before)
		return;
	size = at_most(skb->len - before, RXF_DROP_FRAME_SIZE - ETH_HLEN);
	if (!bpf_skb_load_bytes(skb, before, drop->frame + ETH_HLEN, size))
		drop->captured += size;
}

static __noinline void sample_skb(struct __sk_buff *skb, const struct rejection *rejection)
{
	struct rxf_drop *drop = reserve_drop(rejection, wire_packets(skb));

	if (!drop)
		return;
	drop->ifindex = skb->ifindex;
	if (skb->vlan_present) {
		drop->tpid = bpf_ntohs(skb->vlan_proto);
		drop->tci = skb->vlan_tci;
	}
	capture_skb(skb, drop);
	bpf_ringbuf_submit(drop, 0);
}

#endif
