/* SPDX-License-Identifier: GPL-2.0-only */
/* Steering: macvlan delivers unicast by an upper's own address only. */
#ifndef RX_FILTER_STEERING_BPF_H
#define RX_FILTER_STEERING_BPF_H

#include "rx_filter_device.bpf.h"
#include "rx_filter_verdict.bpf.h"

static __always_inline struct rxf_steering *claim_on(const struct frame *frame)
{
	struct rxf_steering_key key = {};

	__builtin_memcpy(key.address, frame->destination, ETH_ALEN);
	return bpf_map_lookup_elem(&steering, &key);
}

/* The ifindex of the upper whose claim it is, if its filter set takes the frame; 0: it does not. */
static __always_inline __u32 upper_with(const struct rxf_steering *claim, const struct frame *frame)
{
	__u64 active;

	if (rxf_config.egress && !(claim->flags & RXF_STEER_EGRESS))
		return 0;
	active = active_of(claim->index);
	return rule_upper(active, frame, 0).why == RXF_WHY_FILTER ? RXF_ACTIVE_IFINDEX(active) : 0;
}

static long look_for_owner(__u32 i, struct walk *walk)
{
	__u64 upper = next_upper(walk);

	if (!upper)
		return 1;
	if (address_word(peek(PEEK(upper, net_device, dev_addr))) == walk->wanted)
		walk->found = upper;
	return walk->found != 0;
}

/* Whether a device on top, in whatever namespace, has the address as its own. A walk by itself:
 * before Linux 6.7 the verifier takes a callback to run once at most, and would make of two
 * findings at different steps something that cannot be.
 */
static __always_inline bool has_owner(__u64 dev, const struct frame *frame)
{
	struct walk walk = {
		.head = dev + bpf_core_field_offset(struct net_device, adj_list.upper),
		.wanted = destination_word(frame),
	};

	walk.at = peek(walk.head);
	bpf_loop(MAX_UPPERS_TO_SEARCH, look_for_owner, &walk, 0);
	return walk.found || !walk.ended;
}

/* Why the frame is not the upper's after all: somebody has got the address as their own since it
 * was claimed, a VLAN device takes the frame, or the upper is gone.
 */
static __always_inline __u32 why_not_steered(__u64 dev, __u32 ifindex, const struct frame *frame,
					     const struct rxf_steering *claim)
{
	if (!is_macvlan_port(dev))
		return RXF_WHY_NO_UPPER;
	if (has_vlan_device(dev, frame))
		return RXF_WHY_VLAN_DEVICE;
	if (is_device_address(dev, frame) || has_owner(dev, frame) ||
	    unicast_holders(dev, frame) > !!(claim->flags & RXF_STEER_LISTED))
		return RXF_WHY_ADDRESS;
	return find_upper(dev, ifindex) ? RXF_WHY_DROPPED : RXF_WHY_NO_UPPER;
}

/* Somebody listens to whatever the device receives, or takes frames by their source: they get the
 * frame, the upper a copy. A frame on its way out is not received.
 */
static __always_inline bool is_shared(__u64 dev, const struct frame *frame)
{
	return !rxf_config.egress &&
	       (is_promiscuous_for_others(dev) || is_taken_by_source(dev, frame));
}

/* Where generic XDP had to copy a frame, at ingress skb->data is behind the MAC header and mac_len
 * is 0 (load_bytes()); a redirect then takes the next 14 bytes for the header. False: no room for
 * it.
 */
static __always_inline bool restore_header(struct __sk_buff *skb)
{
	struct ethhdr eth;

	if (rxf_config.egress || !has_sight() || PEEK16(kernel_context(skb), sk_buff, mac_len))
		return true;
	return !load_bytes(skb, false, 0, &eth, sizeof(eth)) &&
	       !bpf_skb_change_head(skb, sizeof(eth), 0) &&
	       !bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0);
}

#endif
