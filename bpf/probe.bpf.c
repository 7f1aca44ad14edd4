// SPDX-License-Identifier: GPL-2.0-only
/* What net_device knows and netlink does not tell, for loader/datapath/device_view.h: run
 * once by BPF_PROG_TEST_RUN with the device in the context, never attached.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "rx_filter_kernel.bpf.h"

struct netdev_hw_addr_list {
	int count;
} __attribute__((preserve_access_index));

struct vlan_group {
	unsigned int nr_vlan_devs;
} __attribute__((preserve_access_index));

struct vlan_info {
	struct vlan_group grp;
} __attribute__((preserve_access_index));

struct net_device {
	unsigned int priv_flags;
	int ifindex;
	unsigned int promiscuity;
	unsigned int allmulti;
	bool uc_promisc;
	void *rx_handler;
	struct vlan_info *vlan_info;
	struct netdev_hw_addr_list uc;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
} __attribute__((preserve_access_index));

enum netdev_priv_flags {
	IFF_UNICAST_FLT = 1 << 12,
};

/* The answer; an ifindex of 0: the program could not look. */
__u32 view_ifindex;
__u32 view_unicast_filter;
__u32 view_promiscuity;
__u32 view_allmulti;
__u32 view_uc_promisc;
__u32 view_rx_handler;
__u32 view_unicast_entries;
__u32 view_vlan_devices;

/* An integer until Linux 6.11, then a bit-field of an unsigned long. */
static __always_inline __u64 private_flags(__u64 dev)
{
	const struct net_device *type = NULL;
	__u64 at = dev + __CORE_RELO(type, priv_flags, BYTE_OFFSET);
	__u64 flags = __CORE_RELO(type, priv_flags, BYTE_SIZE) == 8 ? peek(at) : peek32(at);

	flags <<= __CORE_RELO(type, priv_flags, LSHIFT_U64);
	return flags >> __CORE_RELO(type, priv_flags, RSHIFT_U64);
}

static __always_inline __u32 vlan_devices(__u64 dev)
{
	__u64 info;

	if (!bpf_core_field_exists(struct net_device, vlan_info))
		return 0;
	info = PEEK(dev, net_device, vlan_info);
	return info ? PEEK32(info, vlan_info, grp.nr_vlan_devs) : 0;
}

SEC("tc")
int rxf_view(struct __sk_buff *skb)
{
	__u64 dev;

	if (!has_sight())
		return 0;
	dev = PEEK(kernel_context(skb), sk_buff, dev);
	view_unicast_filter = !!(private_flags(dev) &
				 bpf_core_enum_value(enum netdev_priv_flags, IFF_UNICAST_FLT));
	view_promiscuity = PEEK32(dev, net_device, promiscuity);
	view_allmulti = PEEK32(dev, net_device, allmulti);
	view_uc_promisc = PEEK8(dev, net_device, uc_promisc);
	view_rx_handler = !!PEEK(dev, net_device, rx_handler);
	view_unicast_entries = PEEK32(dev, net_device, uc.count);
	view_vlan_devices = vlan_devices(dev);
	view_ifindex = PEEK32(dev, net_device, ifindex);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
