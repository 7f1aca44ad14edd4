/* SPDX-License-Identifier: GPL-2.0-only */
/* Steering: macvlan delivers unicast by an upper's own address only. */
#ifndef RX_FILTER_STEERING_BPF_H
#define RX_FILTER_STEERING_BPF_H

#include "rx_filter_verdict.bpf.h"

/* The ifindex of the upper that wants the frame to a further address of its own; 0: none. */
static __always_inline __u32 upper_with(const struct frame *frame)
{
	struct rxf_steering_key key = {};
	struct rxf_steering *claim;
	__u64 active;

	__builtin_memcpy(key.address, frame->destination, ETH_ALEN);
	claim = bpf_map_lookup_elem(&steering, &key);
	if (!claim || (rxf_config.egress && !(claim->flags & RXF_STEER_EGRESS)))
		return 0;
	active = active_of(claim->index);
	return rule_upper(active, frame, 0).why == RXF_WHY_FILTER ? RXF_ACTIVE_IFINDEX(active) : 0;
}

#endif
