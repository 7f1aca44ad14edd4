/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's net_device, as much of it as is read; offsets are the running kernel's. */
#ifndef RX_FILTER_NETDEV_BPF_H
#define RX_FILTER_NETDEV_BPF_H

#include "rx_filter_frame.bpf.h"
#include "rx_filter_kernel.bpf.h"

struct list_head {
	struct list_head *next;
} __attribute__((preserve_access_index));

struct hlist_head {
	void *first;
} __attribute__((preserve_access_index));

struct hlist_node {
	void *next;
} __attribute__((preserve_access_index));

struct netdev_hw_addr_list {
	struct list_head list;
	int count;
} __attribute__((preserve_access_index));

struct netdev_hw_addr {
	struct list_head list;
	unsigned char addr[32];
	int sync_cnt; /* references that the device itself holds below */
	int refcount; /* all of them */
	int synced; /* references of devices above */
} __attribute__((preserve_access_index));

struct vlan_group {
	unsigned int nr_vlan_devs;
	void **vlan_devices_arrays[16]; /* of two protocols, eight pages each; flat in BTF */
} __attribute__((preserve_access_index));

struct vlan_info {
	struct vlan_group grp;
} __attribute__((preserve_access_index));

struct netdev_adjacent {
	void *dev;
	struct list_head list;
} __attribute__((preserve_access_index));

/* A socket or protocol that takes frames; `type` is wire order. */
struct packet_type {
	__be16 type;
	struct list_head list;
} __attribute__((preserve_access_index));

/* Linux 6.16 has those that are bound to no device here, earlier ones in a table of all. */
struct net {
	struct list_head ptype_all;
	struct list_head ptype_specific;
} __attribute__((preserve_access_index));

typedef struct {
	void *net;
} possible_net_t;

struct net_device {
	unsigned int priv_flags;
	unsigned long state;
	unsigned int flags;
	int ifindex;
	__u64 features;
	__u64 wanted_features;
	unsigned int promiscuity;
	unsigned int allmulti;
	bool uc_promisc;
	void *rx_handler;
	void *rx_handler_data;
	const unsigned char *dev_addr;
	struct vlan_info *vlan_info;
	struct netdev_hw_addr_list uc;
	struct netdev_hw_addr_list mc;
	struct list_head ptype_all;
	struct list_head ptype_specific;
	struct {
		struct list_head upper;
	} adj_list;
	possible_net_t nd_net;
	void *tcx_ingress; /* since Linux 6.6 */
	void *miniq_ingress; /* before */
} __attribute__((preserve_access_index));

enum netdev_priv_flags {
	IFF_UNICAST_FLT = 1 << 12,
	IFF_MACVLAN_PORT = 1 << 13,
	IFF_MACVLAN = 1 << 21,
};

/* Of the macvlan module, where that is one. */
enum macvlan_mode {
	MACVLAN_MODE_PASSTHRU = 8,
};

struct macvlan_dev {
	enum macvlan_mode mode;
	unsigned short flags;
	bool lower_promisc; /* these two with the series of kernel/ */
	bool lower_allmulti;
} __attribute__((preserve_access_index));

struct macvlan_port {
	struct hlist_head vlan_source_hash[256];
} __attribute__((preserve_access_index));

struct macvlan_source_entry {
	struct hlist_node hlist;
	unsigned char addr[8];
} __attribute__((preserve_access_index));

struct xdp_rxq_info {
	struct net_device *dev;
} __attribute__((preserve_access_index));

struct xdp_buff {
	struct xdp_rxq_info *rxq;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
	__u16 mac_len;
} __attribute__((preserve_access_index));

/* An integer until Linux 6.11, then a bit-field of an unsigned long. */
static __always_inline __u64 private_flags(__u64 dev)
{
	const struct net_device *type = NULL;
	__u64 at = dev + __CORE_RELO(type, priv_flags, BYTE_OFFSET);
	__u64 flags = __CORE_RELO(type, priv_flags, BYTE_SIZE) == 8 ? peek(at) : peek32(at);

	flags <<= __CORE_RELO(type, priv_flags, LSHIFT_U64);
	return flags >> __CORE_RELO(type, priv_flags, RSHIFT_U64);
}

static __always_inline bool is_macvlan(__u64 dev)
{
	return private_flags(dev) & bpf_core_enum_value(enum netdev_priv_flags, IFF_MACVLAN);
}

/* netdev_priv() */
static __always_inline __u64 private_part(__u64 dev)
{
	return dev + ((bpf_core_type_size(struct net_device) + 31) & ~31ULL);
}

/* 0: out of sight. */
static __always_inline __u64 xdp_device(struct xdp_md *ctx)
{
	if (!has_sight())
		return 0;
	return PEEK(PEEK(kernel_context(ctx), xdp_buff, rxq), xdp_rxq_info, dev);
}

static __always_inline __u64 skb_device(struct __sk_buff *ctx)
{
	if (!has_sight())
		return 0;
	return PEEK(kernel_context(ctx), sk_buff, dev);
}

/* Six bytes in wire order as a number, to be compared with each other only. */
static __always_inline __u64 address_word(__u64 eight_bytes)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return eight_bytes & 0xffffffffffff;
#else
	return eight_bytes >> 16;
#endif
}

static __always_inline __u64 destination_word(const struct frame *frame)
{
	__u64 word = 0;

	__builtin_memcpy(&word, frame->destination, ETH_ALEN);
	return address_word(word);
}

static __always_inline __u64 source_word(const struct frame *frame)
{
	__u64 word = 0;

	__builtin_memcpy(&word, frame->source, ETH_ALEN);
	return address_word(word);
}

/* Whether the driver may strip tags, now or as soon as a change of its features is through. */
static __always_inline bool may_strip_tags(__u64 dev)
{
	__u64 features = PEEK(dev, net_device, features) | PEEK(dev, net_device, wanted_features);

	return features & rxf_config.stripping;
}

static __always_inline bool is_device_address(__u64 dev, const struct frame *frame)
{
	return address_word(peek(PEEK(dev, net_device, dev_addr))) == destination_word(frame);
}

#endif
