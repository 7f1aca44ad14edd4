/* SPDX-License-Identifier: GPL-2.0-only */
/* The verdict: the one place that decides, for every hook (docs/semantics.md). */
#ifndef RX_FILTER_VERDICT_BPF_H
#define RX_FILTER_VERDICT_BPF_H

#include "rx_filter_frame.bpf.h"
#include "rx_filter_maps.bpf.h"

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

/* Judges by one slot. The rules are read once: a frame sees one set of them. */
static __always_inline __u32 judge(__u32 slot_id, const struct rxf_slot *slot,
				   const struct frame *frame)
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
	return has_address(slot_id, frame) ? RXF_ADMITTED : RXF_DROP_UNICAST;
}

/* Whether the host may want what no upper wants. Where tags are out of sight and
 * the host has VLAN devices, any frame may be one of theirs.
 */
static __always_inline bool host_wants(const struct rxf_slot *wanted, const struct frame *frame)
{
	__u32 slot_id = RXF_SLOT_HOST;
	struct rxf_slot *host;
	__u64 rules;

	if (is_link_local_control(frame))
		return true;
	if (!(*(const volatile __u64 *)&wanted->rules & RXF_RULE_HOST))
		return false;
	host = bpf_map_lookup_elem(&slots, &slot_id);
	if (!host)
		return true;
	rules = *(const volatile __u64 *)&host->rules;
	if (rules & RXF_RULE_HOST_VLANS &&
	    (!frame->vid_known || (frame->vid && has_vid(host, frame->vid))))
		return true;
	if (rules & RXF_RULE_HOST_GROUPS && is_group(frame))
		return true;
	return rules & RXF_RULE_HOST_ADDRESSES && has_address(RXF_SLOT_HOST, frame);
}

/* The union of what any upper wants, then the host. Sound, not exact. */
static __always_inline __u32 judge_early(const struct frame *frame)
{
	__u32 slot_id = RXF_SLOT_UNION;
	struct rxf_slot *slot = bpf_map_lookup_elem(&slots, &slot_id);
	__u32 reason;

	if (!slot)
		return RXF_ADMITTED;
	reason = judge(RXF_SLOT_UNION, slot, frame);
	if (reason == RXF_ADMITTED || host_wants(slot, frame))
		return RXF_ADMITTED;
	return reason;
}

/* The filter set of this guard's upper, exactly. */
static __always_inline __u32 judge_guard(const struct frame *frame)
{
	__u32 index = rxf_config.guard_index;
	__u32 zero = 0, slot_id;
	struct rxf_slot *slot;
	struct rxf_mode *m;

	m = bpf_map_lookup_elem(&mode, &zero);
	if (!m || index >= RXF_MAX_UPPERS)
		return RXF_ADMITTED;
	slot_id = *(const volatile __u64 *)&m->active[index];
	if (slot_id == RXF_NO_SLOT)
		return RXF_ADMITTED;
	slot = bpf_map_lookup_elem(&slots, &slot_id);
	return slot ? judge(slot_id, slot, frame) : RXF_ADMITTED;
}

#endif
