// SPDX-License-Identifier: GPL-2.0-only
/* Somebody else's programs on our hooks: they count the frames that tests send, and let all pass. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TEST_ETHER_TYPE 0x88b5 /* kEtherTypeExperimental */

__u64 frames = 0;

SEC("tc")
int foreign_tc(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(TEST_ETHER_TYPE))
		__sync_fetch_and_add(&frames, 1);
	return TC_ACT_UNSPEC;
}

/* It keeps every frame from whoever comes after it on the hook. */
SEC("tc")
int foreign_ok(struct __sk_buff *skb __attribute__((unused)))
{
	return TC_ACT_OK;
}

SEC("xdp")
int foreign_xdp(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
