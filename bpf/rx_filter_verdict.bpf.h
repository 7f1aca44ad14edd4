/* SPDX-License-Identifier: GPL-2.0-only */
/* The verdict: the one place that decides, for every hook (docs/semantics.md). */
#ifndef RX_FILTER_VERDICT_BPF_H
#define RX_FILTER_VERDICT_BPF_H

#include "rx_filter_frame.bpf.h"
#include "rx_filter_maps.bpf.h"
#include "rx_filter_netdev.bpf.h"

static __always_inline bool has_vid(const struct rxf_slot *slot, __u16 vid)
{
	__u64 word = *(const volatile __u64 *)&slot->vlan[vid / 64 % RXF_VLAN_WORDS];

	return word >> (vid % 64) & 1;
}

static __always_inline bool has_address(__u32 slot_id, const struct frame *frame)
{
	struct rxf_address_key key = { .slot = slot_id };

	__builtin_memcpy(key.address, frame->destination, ETH_ALEN);
	return bpf_map_lookup_elem(&addresses, &key);
}

static __always_inline bool is_group(const struct frame *frame)
{
	return frame->destination[0] & 1;
}

static __always_inline bool is_broadcast(const struct frame *frame)
{
	const __u8 *d = frame->destination;

	return (d[0] & d[1] & d[2] & d[3] & d[4] & d[5]) == 0xff;
}

/* 01:80:c2:00:00:00 to 0f: LACP, LLDP, PAUSE, STP; never forwarded, so always the host's. */
static __always_inline bool is_link_local_control(const struct frame *frame)
{
	const __u8 *d = frame->destination;

	return d[0] == 0x01 && d[1] == 0x80 && d[2] == 0xc2 && !d[3] && !d[4] && d[5] < 0x10;
}

/* Judges by one slot. The rules are read once: a frame sees one set of them. The own address of
 * the device `dev` (0: not in sight), which most frames have, is compared first: it costs less than
 * the map, and holds when it has changed since the set was programmed.
 */
static __always_inline __u32 judge(__u32 slot_id, const struct rxf_slot *slot,
				   const struct frame *frame, __u64 dev)
{
	__u64 rules = *(const volatile __u64 *)&slot->rules;

	if (frame->vid && !(rules & RXF_RULE_ANY_VLAN) && !has_vid(slot, frame->vid))
		return RXF_DROP_VLAN;
	if (rules & RXF_RULE_ANY_ADDRESS)
		return RXF_ADMITTED;
	if (is_broadcast(frame))
		return rules & RXF_RULE_BROADCAST ? RXF_ADMITTED : RXF_DROP_BROADCAST;
	if (is_group(frame)) {
		if (rules & RXF_RULE_ALLMULTI || has_address(slot_id, frame))
			return RXF_ADMITTED;
		return RXF_DROP_MULTICAST;
	}
	if (dev && is_device_address(dev, frame))
		return RXF_ADMITTED;
	return has_address(slot_id, frame) ? RXF_ADMITTED : RXF_DROP_UNICAST;
}

/* Why the host wants what no upper wants, as far as the maps tell. */
static __always_inline __u32 why_host_wants(const struct rxf_slot *wanted,
					    const struct frame *frame)
{
	__u32 slot_id = RXF_SLOT_HOST;
	struct rxf_slot *host;
	__u64 rules;

	if (is_link_local_control(frame))
		return RXF_WHY_CONTROL;
	if (!(*(const volatile __u64 *)&wanted->rules & RXF_RULE_HOST))
		return RXF_WHY_DROPPED;
	host = bpf_map_lookup_elem(&slots, &slot_id);
	if (!host)
		return RXF_WHY_TOO_SHORT;
	rules = *(const volatile __u64 *)&host->rules;
	/* Where tags are out of sight any frame may be one of a VLAN device. */
	if (rules & RXF_RULE_HOST_VLANS &&
	    (!frame->tags_known || (frame->tag_vid && has_vid(host, frame->tag_vid))))
		return RXF_WHY_VLAN_DEVICE;
	if (rules & RXF_RULE_HOST_GROUPS && is_group(frame))
		return RXF_WHY_GROUPS;
	if (rules & RXF_RULE_HOST_ADDRESSES && has_address(RXF_SLOT_HOST, frame))
		return RXF_WHY_ADDRESS;
	return RXF_WHY_DROPPED;
}

static __always_inline struct rxf_ruling ruling_of(__u32 reason, __u32 why_admitted)
{
	struct rxf_ruling ruling = {
		.reason = reason,
		.why = reason == RXF_ADMITTED ? why_admitted : RXF_WHY_DROPPED,
	};

	return ruling;
}

/* rxf_mode.sole */
static __always_inline __u64 sole_upper(void)
{
	__u32 zero = 0;
	struct rxf_mode *m = bpf_map_lookup_elem(&mode, &zero);

	return m ? *(const volatile __u64 *)&m->sole : 0;
}

/* The union of what any upper wants, then the host. Sound, not exact. The lower device's own
 * address is the PASSTHRU upper's too, and the host's beside others.
 */
static __always_inline struct rxf_ruling rule_early(const struct frame *frame, __u64 dev)
{
	__u32 slot_id = RXF_SLOT_UNION;
	struct rxf_slot *slot = bpf_map_lookup_elem(&slots, &slot_id);
	struct rxf_ruling ruling;
	__u64 sole = sole_upper();

	if (!slot)
		return ruling_of(RXF_ADMITTED, RXF_WHY_TOO_SHORT);
	if (!sole && dev && is_device_address(dev, frame))
		return ruling_of(RXF_ADMITTED, RXF_WHY_ADDRESS);
	ruling = ruling_of(judge(RXF_SLOT_UNION, slot, frame, sole ? dev : 0), RXF_WHY_FILTER);
	if (!ruling.why)
		ruling.why = why_host_wants(slot, frame);
	return ruling;
}

/* What the upper with this index has active: RXF_ACTIVE_*. */
static __always_inline __u64 active_of(__u32 index)
{
	__u32 zero = 0;
	struct rxf_mode *m = bpf_map_lookup_elem(&mode, &zero);

	if (!m || index >= RXF_MAX_UPPERS)
		return RXF_NO_SLOT;
	return *(const volatile __u64 *)&m->active[index];
}

/* The filter set of one upper, exactly; `dev` is the upper itself, where it is in sight. */
static __always_inline struct rxf_ruling rule_upper(__u64 active, const struct frame *frame,
						    __u64 dev)
{
	__u32 slot_id = RXF_ACTIVE_SLOT(active);
	struct rxf_slot *slot;

	if (slot_id == RXF_NO_SLOT)
		return ruling_of(RXF_ADMITTED, RXF_WHY_UNFILTERED);
	slot = bpf_map_lookup_elem(&slots, &slot_id);
	if (!slot)
		return ruling_of(RXF_ADMITTED, RXF_WHY_UNFILTERED);
	return ruling_of(judge(slot_id, slot, frame, dev), RXF_WHY_FILTER);
}

/* In shadow, or not confirmed in time: verdicts are counted and nothing else. */
static __always_inline bool is_armed(void)
{
	__u32 zero = 0;
	struct rxf_mode *m = bpf_map_lookup_elem(&mode, &zero);
	__u64 deadline;

	if (!m || *(const volatile __u64 *)&m->control & RXF_CONTROL_SHADOW)
		return false;
	deadline = *(const volatile __u64 *)&m->deadline;
	return !deadline || bpf_ktime_get_boot_ns() < deadline;
}

#endif
