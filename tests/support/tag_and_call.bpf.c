// SPDX-License-Identifier: GPL-2.0-only
/* For BPF_PROG_TEST_RUN, whose __sk_buff cannot carry a VLAN tag in metadata: puts one there as metadata_tag.bpf.c does,
 * then goes on to the program in judges[cb[0]].
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "metadata_mark.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} judges SEC(".maps");

SEC("tc")
int tag_and_call(struct __sk_buff *skb)
{
	__u32 mark = skb->mark;
	__u16 tpid = mark & RXF_MARK_SERVICE ? ETH_P_8021AD : ETH_P_8021Q;

	if (bpf_skb_vlan_push(skb, bpf_htons(tpid), (__u16)mark))
		return 1000;
	bpf_tail_call(skb, &judges, skb->cb[0]);
	return 1001;
}

char _license[] SEC("license") = "GPL";
