/* SPDX-License-Identifier: GPL-2.0-only */
/* Layout of the maps that the rxfilter programs and the loader share.
 *
 * The only header both sides include. Records hold fixed-width types and
 * explicit padding; enumerators are only appended to. RXF_ABI_VERSION changes
 * with every change of a record, and is stored in the `meta` map.
 */
#ifndef RX_FILTER_ABI_H
#define RX_FILTER_ABI_H

#include <linux/types.h>

#define RXF_ABI_VERSION 2

/* Uppers of one lower device that can be filtered at the same time. */
#define RXF_MAX_UPPERS 256

/* Addresses (unicast + multicast) in the filter set of one upper. */
#define RXF_MAX_FILTER_ADDRESSES 1024

/* Slots 0 and 1 belong to the early drop; the rest are handed out to guards.
 * Every upper needs two while its filter set is being replaced.
 */
#define RXF_SLOT_UNION 0
#define RXF_SLOT_HOST 1
#define RXF_SLOT_FIRST_GUARD 2
#define RXF_MAX_SLOTS (RXF_SLOT_FIRST_GUARD + 2 * RXF_MAX_UPPERS)

/* rxf_mode.active[] of an upper that has no filter set: its guard admits all. */
#define RXF_NO_SLOT 0

/* VLAN tags of a frame that are looked at: priority tags, and the one behind them. */
#define RXF_MAX_TAGS 8

/* Entries of the `addresses` map, all slots together. */
#define RXF_MAX_ADDRESS_ENTRIES 131072

/* rxf_slot.rules */
#define RXF_RULE_IN_USE (1ULL << 0) /* the slot is being built, active, or not yet emptied */
#define RXF_RULE_ANY_VLAN (1ULL << 1) /* no VLAN half */
#define RXF_RULE_ANY_ADDRESS (1ULL << 2) /* promisc, or no address half */
#define RXF_RULE_BROADCAST (1ULL << 3)
#define RXF_RULE_ALLMULTI (1ULL << 4)
#define RXF_RULE_HOST (1ULL << 8) /* RXF_SLOT_UNION only: RXF_SLOT_HOST has something to say */
/* The next three have a meaning in RXF_SLOT_HOST only. */
#define RXF_RULE_HOST_GROUPS (1ULL << 5) /* broadcast and all multicast are the host's */
#define RXF_RULE_HOST_ADDRESSES (1ULL << 6) /* `addresses` has entries of RXF_SLOT_HOST */
#define RXF_RULE_HOST_VLANS (1ULL << 7) /* rxf_slot.vlan has bits of VLAN devices */

/* Why a frame was admitted or dropped; the order of struct rxf_counters. */
#define RXF_ADMITTED 0
#define RXF_DROP_VLAN 1
#define RXF_DROP_BROADCAST 2
#define RXF_DROP_MULTICAST 3
#define RXF_DROP_UNICAST 4
#define RXF_REASONS 5

#define RXF_VLAN_WORDS 64

/* `slots`: array, mapped writable by the loader, changed by 8-byte stores. */
struct rxf_slot {
	__u64 rules; /* RXF_RULE_* */
	__u64 vlan[RXF_VLAN_WORDS]; /* bit v % 64 of word v / 64: VID v is accepted */
};

/* rxf_mode.active[]: the slot in the low half, the upper's ifindex in the high one. */
#define RXF_ACTIVE_SLOT(active) ((active) % (1ULL << 32))
#define RXF_ACTIVE_IFINDEX(active) ((active) >> 32)

/* rxf_mode.control */
#define RXF_CONTROL_SHADOW (1ULL << 0) /* judge and count, drop and steer nothing */

/* `mode`: array of one, mapped writable by the loader, changed by 8-byte stores. */
struct rxf_mode {
	__u64 active[RXF_MAX_UPPERS]; /* what the guard with this index judges by */
	__u64 control; /* RXF_CONTROL_* */
	__u64 deadline; /* ns of CLOCK_BOOTTIME from when on nothing is dropped; 0: none */
	__u64 sole; /* ifindex of the PASSTHRU upper that the early drop was planned for; 0: shared */
};

/* `addresses`: hash; keys are inserted and deleted, values never change. */
struct rxf_address_key {
	__u16 slot;
	__u8 address[6]; /* wire order */
};

struct rxf_address {
	char address[20]; /* the key's, as text, for readers of dumps */
	__u32 ifindex; /* upper the entry belongs to; 0: early drop */
};

/* `steering`: hash; further unicast addresses of uppers that are not PASSTHRU, to
 * which macvlan itself delivers nothing. An entry may come before its claim and
 * outlive it: the upper's slot decides.
 */
struct rxf_steering_key {
	__u8 address[6]; /* wire order */
	__u16 padding; /* zero */
};

/* rxf_steering.flags */
#define RXF_STEER_EGRESS (1U << 0) /* bridge mode: also what the host and siblings send */
#define RXF_STEER_LISTED (1U << 1) /* one of the references on the device's unicast list is ours */

struct rxf_steering {
	__u32 index; /* of the upper, as in rxf_mode.active[] */
	__u32 flags; /* RXF_STEER_* */
};

#define RXF_MAX_STEERING_ENTRIES 65536

/* `vlans`: hash, slot (__u32) -> this; for readers of dumps only. */
struct rxf_vlan_list {
	__u32 ifindex; /* upper; 0: early drop */
	char vlans[252]; /* "42,100-109", "none" or "all"; cut lists end in ",..." */
};

struct rxf_counter {
	__u64 packets; /* wire frames: a GSO skb counts its segments */
	__u64 bytes; /* skb->len or XDP buffer length; no FCS */
};

/* `counters`: per-CPU array; key 0 is the early drop (which counts only what it
 * drops), key 1 + index the guard of the upper with that index. Written by bpf.
 */
struct rxf_counters {
	struct rxf_counter admitted;
	struct rxf_counter dropped_vlan;
	struct rxf_counter dropped_broadcast;
	struct rxf_counter dropped_multicast;
	struct rxf_counter dropped_unicast;
};

#define RXF_COUNTERS_EARLY 0
#define RXF_COUNTERS_FIRST_GUARD 1

/* Where the early drop is attached: rxf_meta.early_hook, .requested_mode. */
#define RXF_HOOK_NONE 0
#define RXF_HOOK_TC 1
#define RXF_HOOK_XDP_NATIVE 2
#define RXF_HOOK_XDP_GENERIC 3

/* One tc filter of ours. */
struct rxf_tc_filter {
	__u32 prog_id; /* 0: none */
	__u32 priority; /* tc "pref" */
	__u32 handle;
	__u32 made_qdisc; /* 1: the clsact qdisc is ours to remove when empty */
};

/* `uppers`: hash, ifindex (__u32) of a filtered upper -> this. The packet path
 * never reads it.
 */
struct rxf_upper {
	char name[16]; /* when it was last looked at, as is the address */
	__u8 address[6];
	__u16 padding; /* zero */
	__u32 index; /* key of rxf_mode.active[] and, + 1, of `counters` */
	__u32 padding2; /* zero */
	struct rxf_tc_filter guard;
};

/* `filters`: hash, ifindex (__u32) -> this; the commit point of every change and
 * the only source of the other maps. The packet path never reads it.
 */
#define RXF_FILTER_MESSAGE_SIZE 16384
#define RXF_MAX_OWNED (2 * RXF_MAX_FILTER_ADDRESSES)
#define RXF_OWNED_ALLMULTI (1U << 0) /* IFF_ALLMULTI of the upper was switched on */
#define RXF_OWNED_BELOW (1U << 1) /* the fdb entries are on the lower device */
#define RXF_OWNED_PROMISC (1U << 2) /* IFF_PROMISC of the PASSTHRU upper was switched on */
#define RXF_OWNED_ALLMULTI_BELOW (1U << 3) /* IFF_ALLMULTI of the lower device was */

struct rxf_filter {
	__u32 message_length; /* bytes of message[] in use */
	__u32 owned_flags; /* RXF_OWNED_* */
	__u32 owned_unicast; /* owned[0 .. owned_unicast): fdb entries on the upper */
	__u32 owned_multicast; /* the next so many: references as of SIOCADDMULTI */
	__u8 owned[RXF_MAX_OWNED][6]; /* what we changed in the kernel's lists */
	__u8 message[RXF_FILTER_MESSAGE_SIZE]; /* IFLA_RX_FILTER (66), as on the wire */
};

/* `meta`: array of one. Written by the loader. */
struct rxf_meta {
	__u32 abi; /* RXF_ABI_VERSION; 0: never attached */
	__u32 ifindex; /* lower device */
	__u64 netns_cookie; /* of the lower device's namespace: SO_NETNS_COOKIE */
	char name[16]; /* lower device, when attached */
	__u32 requested_mode; /* RXF_HOOK_*; RXF_HOOK_NONE: auto */
	__u32 early_hook; /* RXF_HOOK_* in force */
	__u32 xdp_prog_id; /* 0: none */
	__u32 judges_vlan; /* 1: the early drop sees every VLAN tag that no driver strips */
	struct rxf_tc_filter early; /* when early_hook is RXF_HOOK_TC */
	struct rxf_tc_filter steer_ingress; /* while `steering` has entries */
	struct rxf_tc_filter steer_egress;
	__u32 undo; /* RXF_UNDO_*: what an unconfirmed attach is to be undone to */
	__u32 undo_mode; /* RXF_HOOK_*: requested_mode before it */
};

#define RXF_UNDO_NONE 0 /* confirmed */
#define RXF_UNDO_DETACH 1 /* it was not attached before */
#define RXF_UNDO_SHADOW 2 /* it was in shadow, with undo_mode */
#define RXF_UNDO_ENFORCE 3 /* it was in force, with undo_mode */

/* Set between open and load (.rodata); a guard's instance belongs to one upper. */
struct rxf_config {
	__u32 guard_index; /* index of the upper; guards only */
	__u32 judge_frame_vlan; /* XDP: 0 where frames come with tags in metadata, whatever `stripping` says */
	__u32 sight; /* RXF_SIGHT_*: how the kernel's own state is read */
	__u32 egress; /* steering: 1 at the egress hook */
	__u32 trace; /* 1: the ruling is left in rxf_trace, for `explain` */
	__u32 padding; /* zero */
	__u64 stripping; /* XDP: NETIF_F_* with which a driver strips tags */
};

#define RXF_SIGHT_NONE 0
#define RXF_SIGHT_CAST 1 /* bpf_cast_to_kern_ctx() and bpf_rdonly_cast(), Linux 6.2 */
#define RXF_SIGHT_PROBE 2 /* bpf_probe_read_kernel(), where no lockdown forbids it */

/* What let a frame through, or kept it from being steered: rxf_ruling.why. */
#define RXF_WHY_DROPPED 0
#define RXF_WHY_FILTER 1 /* the guard's filter set, or at the early drop some upper's */
#define RXF_WHY_UNFILTERED 2 /* the guard has no filter set */
#define RXF_WHY_TOO_SHORT 3 /* cannot be judged */
/* The host, or whoever is not a filtered upper, may want it: */
#define RXF_WHY_CONTROL 4 /* link-local control */
#define RXF_WHY_VLAN_DEVICE 5 /* on the VLAN of a VLAN device */
#define RXF_WHY_GROUPS 6 /* broadcast and multicast, beside others */
#define RXF_WHY_ADDRESS 7 /* to the device's own address, or one on its list */
/* The early drop stands down: */
#define RXF_WHY_NO_UPPER 8 /* the upper it was planned for is gone */
#define RXF_WHY_PROMISC 9 /* somebody else made the device promiscuous */
#define RXF_WHY_ALLMULTI 10 /* somebody else asked it for all multicast */
#define RXF_WHY_SOURCE 11 /* an upper in source mode may take it by its source */
#define RXF_WHYS 12

/* .bss of an instance with rxf_config.trace; the last frame's. */
struct rxf_ruling {
	__u32 reason; /* RXF_ADMITTED or RXF_DROP_*: the filter sets' verdict */
	__u32 why; /* RXF_WHY_* */
};

/* `drop_lease`: array of one, mapped writable by the loader. While it lasts, dropped frames are
 * sampled into `drops`: no more than one each `interval` in the long run.
 */
struct rxf_drop_lease {
	__u64 deadline; /* ns of CLOCK_BOOTTIME; 0: nobody listens. Written by both sides */
	__u64 interval; /* ns between two samples */
	__u64 burst; /* ns by which they may come too early */
	__u64 next; /* ns of CLOCK_BOOTTIME when one would be due; written by bpf */
	__u64 unsampled; /* frames left out since it began; written by bpf */
	__u32 owner; /* process id of the listener */
	__u32 padding; /* zero */
};

#define RXF_DROP_RING_SIZE 65536

/* The headers of everything that is common, and the beginning of what they carry. */
#define RXF_DROP_FRAME_SIZE 128

/* rxf_drop.flags */
#define RXF_DROP_SHADOWED (1U << 0) /* only counted: the frame went on */

/* `drops`: ring buffer of these; written by bpf. */
struct rxf_drop {
	__u64 time; /* ns of CLOCK_BOOTTIME */
	__u32 ifindex; /* the device that the hook is on */
	__u32 hook; /* the hook's key of `counters` */
	__u32 reason; /* RXF_DROP_* */
	__u32 flags; /* RXF_DROP_SHADOWED */
	__u32 packets; /* wire frames: more than 1 of a GSO skb */
	__u32 length; /* bytes of the frame from its MAC header on, as it was here; no FCS */
	__u32 captured; /* bytes of frame[] in use */
	__u16 tpid; /* of a tag in metadata, host order; 0: none */
	__u16 tci; /* of the same; host order */
	__u8 frame[RXF_DROP_FRAME_SIZE]; /* from the MAC header on; wire order */
};

#ifdef __cplusplus
#define RXF_ASSERT(condition) static_assert(condition, #condition)
#else
#define RXF_ASSERT(condition) _Static_assert(condition, #condition)
#endif

RXF_ASSERT(sizeof(struct rxf_slot) == 520);
RXF_ASSERT(sizeof(struct rxf_mode) == 2072);
RXF_ASSERT(sizeof(struct rxf_address_key) == 8);
RXF_ASSERT(sizeof(struct rxf_address) == 24);
RXF_ASSERT(sizeof(struct rxf_steering_key) == 8);
RXF_ASSERT(sizeof(struct rxf_steering) == 8);
RXF_ASSERT(sizeof(struct rxf_ruling) == 8);
RXF_ASSERT(sizeof(struct rxf_vlan_list) == 256);
RXF_ASSERT(sizeof(struct rxf_counters) == RXF_REASONS * sizeof(struct rxf_counter));
RXF_ASSERT(sizeof(struct rxf_tc_filter) == 16);
RXF_ASSERT(sizeof(struct rxf_upper) == 48);
RXF_ASSERT(sizeof(struct rxf_filter) == 16 + 6 * RXF_MAX_OWNED + RXF_FILTER_MESSAGE_SIZE);
RXF_ASSERT(sizeof(struct rxf_meta) == 104);
RXF_ASSERT(sizeof(struct rxf_config) == 32);
RXF_ASSERT(sizeof(struct rxf_drop_lease) == 48);
RXF_ASSERT(sizeof(struct rxf_drop) == 40 + RXF_DROP_FRAME_SIZE);

#endif
