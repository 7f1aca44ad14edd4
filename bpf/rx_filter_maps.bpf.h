/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps, as rx_filter_abi.h lays them out. The loader pins each under its name. */
#ifndef RX_FILTER_MAPS_BPF_H
#define RX_FILTER_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "rx_filter_abi.h"

const volatile struct rxf_config rxf_config = {};
struct rxf_ruling rxf_trace = {};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rxf_mode);
} mode SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RXF_MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct rxf_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RXF_MAX_ADDRESS_ENTRIES);
	__type(key, struct rxf_address_key);
	__type(value, struct rxf_address);
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RXF_MAX_STEERING_ENTRIES);
	__type(key, struct rxf_steering_key);
	__type(value, struct rxf_steering);
} steering SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RXF_COUNTERS_FIRST_GUARD + RXF_MAX_UPPERS);
	__type(key, __u32);
	__type(value, struct rxf_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rxf_drop_lease);
} drop_lease SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RXF_DROP_RING_SIZE);
} drops SEC(".maps");

/* The loader's own; no program reads them. */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RXF_MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct rxf_vlan_list);
} vlans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RXF_MAX_UPPERS);
	__type(key, __u32);
	__type(value, struct rxf_upper);
} uppers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RXF_MAX_UPPERS);
	__type(key, __u32);
	__type(value, struct rxf_filter);
} filters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rxf_meta);
} meta SEC(".maps");

#endif
