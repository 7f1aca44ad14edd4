/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters per hook and reason. */
#ifndef RX_FILTER_COUNTERS_BPF_H
#define RX_FILTER_COUNTERS_BPF_H

#include "rx_filter_maps.bpf.h"

/* A GSO skb stands for as many frames as it has segments. */
static __always_inline __u64 wire_packets(const struct __sk_buff *skb)
{
	return skb->gso_segs ? skb->gso_segs : 1;
}

/* A hook runs with preemption or bottom halves off: its CPU's counters have one writer. */
static __always_inline void count(__u32 key, __u32 reason, __u64 packets, __u64 bytes)
{
	struct rxf_counters *all = bpf_map_lookup_elem(&counters, &key);
	struct rxf_counter *counter;

	if (!all || reason >= RXF_REASONS)
		return;
	counter = (struct rxf_counter *)all + reason;
	counter->packets += packets;
	counter->bytes += bytes;
}

#endif
