/* SPDX-License-Identifier: GPL-2.0-only */
/* Who else may want a frame, as the lower device itself tells: the questions that every program
 * asks before it drops a frame or takes it for an upper (docs/semantics.md, "Who is asked").
 * Whoever came after the last plan loses nothing.
 */
#ifndef RX_FILTER_DEVICE_BPF_H
#define RX_FILTER_DEVICE_BPF_H

#include "rx_filter_netdev.bpf.h"
#include "rx_filter_verdict.bpf.h"

#define IFF_UP 0x1
#define LINK_STATE_START 0x1
#define MACVLAN_FLAG_NOPROMISC 1

/* Longer lists are not searched to their end: what cannot be known counts as yes. */
#define MAX_ADDRESSES_TO_SEARCH 131072
#define MAX_UPPERS_TO_SEARCH 4096
#define MAX_RECEIVERS_TO_SEARCH 1024
#define MAX_SOURCES_TO_SEARCH 4096

/* struct vlan_group holds the devices of each protocol in pages of 512. */
#define VLANS_PER_PAGE 512

#define HOLDERS_UNKNOWN (~0U)

/* macvlan_eth_hash(), on 64-bit machines: GOLDEN_RATIO_64, and eight bits of the product. */
#define SOURCE_HASH_FACTOR 0x61C8864680B583EBULL
#define SOURCE_HASH_SHIFT 56
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SOURCE_HASH_INPUT_SHIFT 16
#else
#define SOURCE_HASH_INPUT_SHIFT 0
#endif

/* A walk along a list of the kernel's, linked and freed by RCU, until `found` or back at `head`. */
struct walk {
	__u64 head;
	__u64 at;
	__u64 wanted;
	__u64 net; /* an ifindex is one of a namespace */
	__u64 found;
	bool ended;
};

static long look_at_address(__u32 i, struct walk *walk)
{
	__u64 entry = walk->at - bpf_core_field_offset(struct netdev_hw_addr, list);

	walk->ended = walk->at == walk->head || !walk->at;
	if (walk->ended)
		return 1;
	if (address_word(PEEK(entry, netdev_hw_addr, addr)) == walk->wanted)
		walk->found = entry;
	walk->at = peek(walk->at);
	return walk->found != 0;
}

/* How often the frame's destination is on dev->uc or dev->mc for somebody above the hardware;
 * with `direct` without the references of devices above, like macvlans and VLAN devices.
 */
static __always_inline __u32 holders(__u64 list, const struct frame *frame, bool direct)
{
	struct walk walk = { .head = list, .wanted = destination_word(frame) };
	__u32 count;

	walk.at = peek(walk.head);
	bpf_loop(MAX_ADDRESSES_TO_SEARCH, look_at_address, &walk, 0);
	if (!walk.found)
		return walk.ended ? 0 : HOLDERS_UNKNOWN;
	count = PEEK32(walk.found, netdev_hw_addr, refcount) -
		PEEK32(walk.found, netdev_hw_addr, sync_cnt);
	return direct ? count - PEEK32(walk.found, netdev_hw_addr, synced) : count;
}

/* dev->uc: addresses of uppers wherever they are, and whatever else was added. */
static __always_inline __u32 unicast_holders(__u64 dev, const struct frame *frame)
{
	return holders(dev + bpf_core_field_offset(struct net_device, uc.list), frame, false);
}

/* dev->mc: groups that the host itself joined, not those of a device above. */
static __always_inline bool host_joined(__u64 dev, const struct frame *frame)
{
	return holders(dev + bpf_core_field_offset(struct net_device, mc.list), frame, true);
}

/* As vlan_find_dev() does it. */
static __always_inline bool is_vlan_device(__u64 group, bool is_service, __u16 vid)
{
	__u64 page = peek(group + bpf_core_field_offset(struct vlan_group, vlan_devices_arrays) +
			  sizeof(void *) * (8 * is_service + vid / VLANS_PER_PAGE));

	return page && peek(page + sizeof(void *) * (vid % VLANS_PER_PAGE));
}

/* A VLAN device takes its frames before macvlan sees them, or behind it where a priority tag
 * stands in front. Also one with VID 0.
 */
static __always_inline bool has_vlan_device(__u64 dev, const struct frame *frame)
{
	__u64 info;
	__u64 group;

	if (!bpf_core_field_exists(struct net_device, vlan_info))
		return false;
	info = PEEK(dev, net_device, vlan_info);
	if (!info)
		return false;
	group = info + bpf_core_field_offset(struct vlan_info, grp);
	/* Where tags are out of sight any frame may be one of theirs. */
	if (!frame->tags_known)
		return PEEK32(group, vlan_group, nr_vlan_devs) != 0;
	if (frame->tag_vid && is_vlan_device(group, frame->is_service, frame->tag_vid))
		return true;
	if (frame->priority_tags & PRIORITY_TAG_CUSTOMER && is_vlan_device(group, false, 0))
		return true;
	return frame->priority_tags & PRIORITY_TAG_SERVICE && is_vlan_device(group, true, 0);
}

static long look_at_receiver(__u32 i, struct walk *walk)
{
	__u64 entry = walk->at - bpf_core_field_offset(struct packet_type, list);
	__be16 type;

	walk->ended = walk->at == walk->head || !walk->at;
	if (walk->ended)
		return 1;
	type = PEEK16(entry, packet_type, type);
	walk->found = !walk->wanted || type == walk->wanted || type == bpf_htons(ETH_P_ALL);
	walk->at = peek(walk->at);
	return walk->found;
}

/* Whether a packet socket or protocol on the list takes frames of this kind. */
static __always_inline bool has_receiver(__u64 list, const struct frame *frame)
{
	struct walk walk = { .head = list, .at = peek(list) };

	if (bpf_ntohs(frame->proto) >= ETH_P_802_3_MIN)
		walk.wanted = frame->proto;
	bpf_loop(MAX_RECEIVERS_TO_SEARCH, look_at_receiver, &walk, 0);
	return walk.found || !walk.ended;
}

static __always_inline bool is_empty(__u64 list)
{
	return peek(list) == list;
}

/* Sockets for every protocol have seen a frame before tc does, and see it after XDP. */
static __always_inline bool has_packet_socket(__u64 dev, const struct frame *frame, bool xdp)
{
	__u64 net = PEEK(dev, net_device, nd_net.net);

	if (has_receiver(dev + bpf_core_field_offset(struct net_device, ptype_specific), frame))
		return true;
	if (xdp && !is_empty(dev + bpf_core_field_offset(struct net_device, ptype_all)))
		return true;
	if (!bpf_core_field_exists(struct net, ptype_specific))
		return false;
	if (has_receiver(net + bpf_core_field_offset(struct net, ptype_specific), frame))
		return true;
	return xdp && !is_empty(net + bpf_core_field_offset(struct net, ptype_all));
}

/* Beside a PASSTHRU upper: macvlan hands broadcast and multicast on to the host as well, which
 * leaves frames of a VLAN without a device to packet sockets.
 */
static __always_inline bool host_wants_group(__u64 dev, const struct frame *frame, bool xdp)
{
	if (!frame->tag_vid && (is_broadcast(frame) || host_joined(dev, frame)))
		return true;
	return has_packet_socket(dev, frame, xdp);
}

static __always_inline bool is_wanted_upper(const struct walk *walk, __u64 upper)
{
	return PEEK32(upper, net_device, ifindex) == walk->wanted &&
	       PEEK(upper, net_device, nd_net.net) == walk->net;
}

/* The next device on top; 0: there is none. */
static __always_inline __u64 next_upper(struct walk *walk)
{
	__u64 entry = walk->at - bpf_core_field_offset(struct netdev_adjacent, list);

	walk->ended = walk->at == walk->head || !walk->at;
	if (walk->ended)
		return 0;
	walk->at = peek(walk->at);
	return PEEK(entry, netdev_adjacent, dev);
}

static long look_at_upper(__u32 i, struct walk *walk)
{
	__u64 upper = next_upper(walk);

	if (!upper)
		return 1;
	if (is_wanted_upper(walk, upper))
		walk->found = upper;
	return walk->found != 0;
}

/* 0: there is none in the device's namespace. */
static __always_inline __u64 find_upper(__u64 dev, __u32 ifindex)
{
	struct walk walk = {
		.head = dev + bpf_core_field_offset(struct net_device, adj_list.upper),
		.wanted = ifindex,
		.net = PEEK(dev, net_device, nd_net.net),
	};

	walk.at = peek(walk.head);
	bpf_loop(MAX_UPPERS_TO_SEARCH, look_at_upper, &walk, 0);
	return walk.found;
}

/* One that got the ifindex of the upper that is gone has no hook for a guard yet. */
static __always_inline bool has_ingress_hook(__u64 dev)
{
	if (bpf_core_field_exists(struct net_device, tcx_ingress))
		return PEEK(dev, net_device, tcx_ingress);
	return PEEK(dev, net_device, miniq_ingress);
}

/* A PASSTHRU upper has no siblings: while it is there, in this namespace, nobody else is. */
static __always_inline __u64 find_sole(__u64 dev, __u32 ifindex)
{
	__u64 upper = find_upper(dev, ifindex);

	if (!upper || !bpf_core_field_exists(struct macvlan_dev, mode) || !is_macvlan(upper) ||
	    PEEK32(private_part(upper), macvlan_dev, mode) != MACVLAN_MODE_PASSTHRU)
		return 0;
	return has_ingress_hook(upper) ? upper : 0;
}

static long look_at_source(__u32 i, struct walk *walk)
{
	walk->ended = !walk->at;
	if (walk->ended)
		return 1;
	walk->found = address_word(PEEK(walk->at, macvlan_source_entry, addr)) == walk->wanted;
	walk->at = peek(walk->at);
	return walk->found != 0;
}

/* As macvlan_forward_source() does it: an upper in source mode takes frames to any address. */
static __always_inline bool is_taken_by_source(__u64 dev, const struct frame *frame)
{
	struct walk walk = { .wanted = source_word(frame) };
	__u64 hash =
		(walk.wanted << SOURCE_HASH_INPUT_SHIFT) * SOURCE_HASH_FACTOR >> SOURCE_HASH_SHIFT;

	if (!bpf_core_field_exists(struct macvlan_port, vlan_source_hash) ||
	    !bpf_core_type_exists(struct macvlan_source_entry))
		return true;
	walk.at = peek(PEEK(dev, net_device, rx_handler_data) +
		       bpf_core_field_offset(struct macvlan_port, vlan_source_hash) +
		       hash * sizeof(void *));
	bpf_loop(MAX_SOURCES_TO_SEARCH, look_at_source, &walk, 0);
	return walk.found || !walk.ended;
}

static __always_inline bool is_macvlan_port(__u64 dev)
{
	return PEEK(dev, net_device, rx_handler) &&
	       private_flags(dev) & bpf_core_enum_value(enum netdev_priv_flags, IFF_MACVLAN_PORT);
}

/* What a unicast list costs a device without a unicast filter. The list is empty before that is
 * given back, and the flag says so after it.
 */
static __always_inline __u32 promiscuity_of_list(__u64 dev)
{
	return PEEK8(dev, net_device, uc_promisc) && PEEK32(dev, net_device, uc.count);
}

/* Beside others an upper that is up explains none of it but what its address costs there. */
static __always_inline bool is_promiscuous_for_others(__u64 dev)
{
	return PEEK32(dev, net_device, promiscuity) > promiscuity_of_list(dev);
}

/* Whether macvlan has been told that the device is up, and not yet that it goes down: only then
 * does it hold what an upper holds while it is up.
 */
static __always_inline bool is_settled_up(__u64 dev)
{
	return PEEK32(dev, net_device, flags) & IFF_UP &&
	       PEEK(dev, net_device, state) & LINK_STATE_START;
}

/* How much of the lower device's promiscuity a PASSTHRU upper holds. A kernel that keeps filter
 * sets gives it up where the device's own filters do for it, and tells.
 */
static __always_inline __u32 promiscuity_of(__u64 upper)
{
	__u64 macvlan = private_part(upper);

	if (bpf_core_field_exists(struct macvlan_dev, lower_promisc))
		return PEEK8(macvlan, macvlan_dev, lower_promisc);
	return is_settled_up(upper) &&
	       !(PEEK16(macvlan, macvlan_dev, flags) & MACVLAN_FLAG_NOPROMISC);
}

/* The upper is asked before and after the count, which is not read at the same time: one that goes
 * up or down in between explains nothing.
 */
static __always_inline bool is_promiscuous_beside(__u64 dev, __u64 upper)
{
	__u32 explained = promiscuity_of(upper);
	__u32 count = PEEK32(dev, net_device, promiscuity);

	explained = explained && promiscuity_of(upper);
	return count > explained + promiscuity_of_list(dev);
}

/* How much of its allmulti count. On a stock kernel nothing: the flag of the upper that would tell
 * is set before the count is raised.
 */
static __always_inline __u32 allmulti_of(__u64 upper)
{
	if (bpf_core_field_exists(struct macvlan_dev, lower_allmulti))
		return PEEK8(private_part(upper), macvlan_dev, lower_allmulti);
	return 0;
}

static __always_inline __u32 why_beside_nobody(__u64 dev, __u64 sole, const struct frame *frame,
					       bool xdp)
{
	__u64 upper = find_sole(dev, (__u32)sole);

	if (!upper)
		return RXF_WHY_NO_UPPER;
	if (is_promiscuous_beside(dev, upper))
		return RXF_WHY_PROMISC;
	if (!is_group(frame))
		return RXF_WHY_DROPPED;
	if (PEEK32(dev, net_device, allmulti) > allmulti_of(upper))
		return RXF_WHY_ALLMULTI;
	return host_wants_group(dev, frame, xdp) ? RXF_WHY_GROUPS : RXF_WHY_DROPPED;
}

static __always_inline __u32 why_beside_others(__u64 dev, const struct frame *frame)
{
	if (is_promiscuous_for_others(dev))
		return RXF_WHY_PROMISC;
	if (is_group(frame))
		return RXF_WHY_GROUPS;
	if (unicast_holders(dev, frame))
		return RXF_WHY_ADDRESS;
	return is_taken_by_source(dev, frame) ? RXF_WHY_SOURCE : RXF_WHY_DROPPED;
}

/* Why a frame that the maps would have dropped passes nevertheless. */
static __always_inline __u32 why_device_wants(__u64 dev, const struct frame *frame, bool xdp)
{
	__u64 sole = sole_upper();

	if (!is_macvlan_port(dev))
		return RXF_WHY_NO_UPPER;
	if (has_vlan_device(dev, frame))
		return RXF_WHY_VLAN_DEVICE;
	return sole ? why_beside_nobody(dev, sole, frame, xdp) : why_beside_others(dev, frame);
}

#endif
