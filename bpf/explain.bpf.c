// SPDX-License-Identifier: GPL-2.0-only
/* For loader/datapath/test_run.h: the __sk_buff of a BPF_PROG_TEST_RUN cannot carry a VLAN tag in
 * metadata, so this puts one there, as a driver that strips tags does, and goes on to the program
 * that is asked.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} asked SEC(".maps");

/* No TC_ACT_*. */
#define NOT_ASKED 1000

/* cb[0] is the TPID and cb[1] the TCI, host order. */
SEC("tc")
int rxf_strip(struct __sk_buff *skb)
{
	if (bpf_skb_vlan_push(skb, bpf_htons(skb->cb[0]), (__u16)skb->cb[1]))
		return NOT_ASKED;
	bpf_tail_call(skb, &asked, 0);
	return NOT_ASKED;
}

char LICENSE[] SEC("license") = "GPL";
