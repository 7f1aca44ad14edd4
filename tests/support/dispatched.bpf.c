// SPDX-License-Identifier: GPL-2.0-only
/* Somebody else's XDP program in libxdp's dispatcher: it counts the frames that tests send, and passes all on. */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TEST_ETHER_TYPE 0x88b5 /* kEtherTypeExperimental */

__u64 frames = 0;

SEC("xdp")
int dispatched_xdp(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	__be16 *inner;
	__be16 proto;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	proto = eth->h_proto;
	inner = (void *)(eth + 1) + 2;
	if (proto == bpf_htons(ETH_P_8021Q) && (void *)(inner + 1) <= end)
		proto = *inner;
	if (proto == bpf_htons(TEST_ETHER_TYPE))
		__sync_fetch_and_add(&frames, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
