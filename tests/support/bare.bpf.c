// SPDX-License-Identifier: GPL-2.0-only
/* The least a program can do at each hook: what the benchmark subtracts. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int bare_xdp(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("tc")
int bare_tc(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
