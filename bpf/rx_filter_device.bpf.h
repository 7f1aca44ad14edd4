/* SPDX-License-Identifier: GPL-2.0-only */
/* What the lower device itself tells about who listens, read on the way to a drop:
 * whoever came after the last plan loses nothing.
 */
#ifndef RX_FILTER_DEVICE_BPF_H
#define RX_FILTER_DEVICE_BPF_H

#include "rx_filter_netdev.bpf.h"
#include "rx_filter_verdict.bpf.h"

#define IFF_UP 0x1
#define IFF_ALLMULTI 0x200

/* Longer lists are not searched to their end: the frame passes. */
#define MAX_ADDRESSES_TO_SEARCH 2048
#define MAX_UPPERS_TO_SEARCH 4096

/* struct vlan_group holds the devices of each protocol in pages of 512. */
#define VLANS_PER_PAGE 512

/* A walk along a list of the kernel's, linked and freed by RCU, until `found` or back at `head`. */
struct walk {
	__u64 head;
	__u64 at;
	__u64 wanted;
	__u64 net; /* an ifindex is one of a namespace */
	__u64 found;
	__u64 destination;
	bool ended;
};

static long look_at_address(__u32 i, struct walk *walk)
{
	__u64 entry = walk->at - bpf_core_field_offset(struct netdev_hw_addr, list);

	walk->ended = walk->at == walk->head || !walk->at;
	if (walk->ended)
		return 1;
	walk->found = address_word(PEEK(entry, netdev_hw_addr, addr)) == walk->wanted;
	walk->at = peek(walk->at);
	return walk->found;
}

/* dev->uc: addresses of uppers wherever they are, and whatever else was added. */
static __always_inline bool on_unicast_list(__u64 dev, const struct frame *frame)
{
	struct walk walk = {
		.head = dev + bpf_core_field_offset(struct net_device, uc.list),
		.wanted = destination_word(frame),
	};

	walk.at = peek(walk.head);
	bpf_loop(MAX_ADDRESSES_TO_SEARCH, look_at_address, &walk, 0);
	return !walk.ended;
}

/* As vlan_find_dev() does it. A VLAN device takes its frames before macvlan sees them. */
static __always_inline bool has_vlan_device(__u64 dev, const struct frame *frame)
{
	__u64 info, page;
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
	if (!frame->tag_vid)
		return false;
	page = peek(group + bpf_core_field_offset(struct vlan_group, vlan_devices_arrays) +
		    sizeof(void *) * (8 * frame->is_service + frame->tag_vid / VLANS_PER_PAGE));
	return page && peek(page + sizeof(void *) * (frame->tag_vid % VLANS_PER_PAGE));
}

static __always_inline bool is_wanted_upper(const struct walk *walk, __u64 upper)
{
	return PEEK32(upper, net_device, ifindex) == walk->wanted &&
	       PEEK(upper, net_device, nd_net.net) == walk->net;
}

static long look_at_upper(__u32 i, struct walk *walk)
{
	__u64 entry = walk->at - bpf_core_field_offset(struct netdev_adjacent, list);
	__u64 upper;

	if (walk->at == walk->head || !walk->at)
		return 1;
	upper = PEEK(entry, netdev_adjacent, dev);
	walk->at = peek(walk->at);
	if (is_wanted_upper(walk, upper))
		walk->found = upper;
	return walk->found != 0;
}

/* A PASSTHRU upper has no siblings: while it is there, in this namespace, nobody else is. */
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

static long look_for_owner(__u32 i, struct walk *walk)
{
	__u64 entry = walk->at - bpf_core_field_offset(struct netdev_adjacent, list);
	__u64 upper;

	walk->ended = walk->at == walk->head || !walk->at;
	if (walk->ended)
		return 1;
	upper = PEEK(entry, netdev_adjacent, dev);
	walk->at = peek(walk->at);
	if (address_word(peek(PEEK(upper, net_device, dev_addr))) == walk->destination)
		return 1;
	if (is_wanted_upper(walk, upper))
		walk->found = upper;
	return 0;
}

/* Whether the upper that listed the address is there, and nobody has got it as their own since. */
static __always_inline bool may_steer_to(__u64 dev, __u32 ifindex, const struct frame *frame)
{
	struct walk walk = {
		.head = dev + bpf_core_field_offset(struct net_device, adj_list.upper),
		.wanted = ifindex,
		.net = PEEK(dev, net_device, nd_net.net),
		.destination = destination_word(frame),
	};

	walk.at = peek(walk.head);
	bpf_loop(MAX_UPPERS_TO_SEARCH, look_for_owner, &walk, 0);
	return walk.ended && walk.found;
}

static __always_inline __u32 why_beside_nobody(__u64 dev, __u64 sole, const struct frame *frame)
{
	__u64 upper = find_upper(dev, (__u32)sole);
	__u32 promiscuity, allmulti;
	__u32 flags;

	if (!upper)
		return RXF_WHY_NO_UPPER;
	flags = PEEK32(upper, net_device, flags);
	promiscuity = flags & IFF_UP && sole & RXF_SOLE_PROMISC;
	promiscuity += PEEK8(dev, net_device, uc_promisc);
	if (PEEK32(dev, net_device, promiscuity) > promiscuity)
		return RXF_WHY_PROMISC;
	allmulti = flags & IFF_UP && flags & IFF_ALLMULTI;
	if (is_group(frame) && PEEK32(dev, net_device, allmulti) > allmulti)
		return RXF_WHY_ALLMULTI;
	return RXF_WHY_DROPPED;
}

static __always_inline __u32 why_beside_others(__u64 dev, const struct frame *frame)
{
	if (PEEK32(dev, net_device, promiscuity) > PEEK8(dev, net_device, uc_promisc))
		return RXF_WHY_PROMISC;
	if (is_group(frame))
		return RXF_WHY_GROUPS;
	if (on_unicast_list(dev, frame))
		return RXF_WHY_ADDRESS;
	return RXF_WHY_DROPPED;
}

/* Why a frame that the maps would have dropped passes nevertheless. */
static __always_inline __u32 why_device_wants(__u64 dev, const struct frame *frame)
{
	__u64 sole = sole_upper();

	if (!PEEK(dev, net_device, rx_handler))
		return RXF_WHY_NO_UPPER;
	if (has_vlan_device(dev, frame))
		return RXF_WHY_VLAN_DEVICE;
	return sole ? why_beside_nobody(dev, sole, frame) : why_beside_others(dev, frame);
}

#endif
