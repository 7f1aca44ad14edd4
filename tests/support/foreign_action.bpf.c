// SPDX-License-Identifier: GPL-2.0-only
/* Somebody else's tc filters: one lets the next filter judge, the other ends the judging. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int foreign_continues(struct __sk_buff *skb __attribute__((unused)))
{
	return TC_ACT_UNSPEC;
}

SEC("tc")
int foreign_ends(struct __sk_buff *skb __attribute__((unused)))
{
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
