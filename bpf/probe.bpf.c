// SPDX-License-Identifier: GPL-2.0-only
/* What net_device knows and netlink does not tell, for loader/datapath/device_view.h: run
 * once by BPF_PROG_TEST_RUN with the device in the context, never attached.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "rx_filter_netdev.bpf.h"

/* The answer; an ifindex of 0: the program could not look. */
__u32 view_ifindex;
__u32 view_unicast_filter;
__u32 view_promiscuity;
__u32 view_allmulti;
__u32 view_uc_promisc;
__u32 view_rx_handler;
__u32 view_unicast_entries;
__u32 view_vlan_devices;

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
