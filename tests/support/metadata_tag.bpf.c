// SPDX-License-Identifier: GPL-2.0-only
/* On the tc egress of a veth end: puts the VLAN tag that the sender's mark asks for into the skb's metadata, where a
 * NIC's VLAN stripping leaves it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "metadata_mark.h"

SEC("tc")
int metadata_tag(struct __sk_buff *skb)
{
	__u32 mark = skb->mark;
	__u16 tpid = mark & RXF_MARK_SERVICE ? ETH_P_8021AD : ETH_P_8021Q;

	if (!(mark & RXF_MARK_PUSH))
		return TC_ACT_UNSPEC;

	/* Within one namespace veth keeps the mark, and nothing is to see it at the receiver. */
	skb->mark = 0;
	if (bpf_skb_vlan_push(skb, bpf_htons(tpid), (__u16)mark))
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
