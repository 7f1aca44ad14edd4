/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's net_device, as much of it as is read; offsets are the running kernel's. */
#ifndef RX_FILTER_NETDEV_BPF_H
#define RX_FILTER_NETDEV_BPF_H

#include "rx_filter_frame.bpf.h"
#include "rx_filter_kernel.bpf.h"

struct list_head {
	struct list_head *next;
} __attribute__((preserve_access_index));

struct netdev_hw_addr_list {
	struct list_head list;
} __attribute__((preserve_access_index));

struct netdev_hw_addr {
	struct list_head list;
	unsigned char addr[32];
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

typedef struct {
	void *net;
} possible_net_t;

struct net_device {
	unsigned int flags;
	int ifindex;
	unsigned int promiscuity;
	unsigned int allmulti;
	bool uc_promisc;
	void *rx_handler;
	const unsigned char *dev_addr;
	struct vlan_info *vlan_info;
	struct netdev_hw_addr_list uc;
	struct {
		struct list_head upper;
	} adj_list;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

struct xdp_rxq_info {
	struct net_device *dev;
} __attribute__((preserve_access_index));

struct xdp_buff {
	struct xdp_rxq_info *rxq;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
} __attribute__((preserve_access_index));

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

static __always_inline bool is_device_address(__u64 dev, const struct frame *frame)
{
	return address_word(peek(PEEK(dev, net_device, dev_addr))) == destination_word(frame);
}

#endif
