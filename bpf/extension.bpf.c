// SPDX-License-Identifier: GPL-2.0-only
/* What libxdp's dispatcher is made of, for loader/datapath/kernel_support.h: a program with
 * a function that another one replaces. Both are loaded and linked, and gone again.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Replaced at its address: its result must be unknown to the compiler. */
__attribute__((noinline)) int rxf_replaced(struct xdp_md *ctx)
{
	volatile int action = XDP_PASS;

	return ctx ? action : XDP_ABORTED;
}

SEC("xdp")
int rxf_dispatcher(struct xdp_md *ctx)
{
	return rxf_replaced(ctx);
}

SEC("freplace")
int rxf_extension(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
