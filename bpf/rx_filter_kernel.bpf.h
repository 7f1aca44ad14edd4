/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the kernel's own memory, as far as this kernel lets a packet program. */
#ifndef RX_FILTER_KERNEL_BPF_H
#define RX_FILTER_KERNEL_BPF_H

#include <stdbool.h>

#include <bpf/bpf_core_read.h>

#include "rx_filter_maps.bpf.h"

/* A cell of eight bytes to look through: any type that begins with such an integer serves. */
struct timespec64 {
	__s64 tv_sec;
} __attribute__((preserve_access_index));

/* Linux 6.2; these work under lockdown too. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;
extern void *bpf_rdonly_cast(const void *address, __u32 btf_id) __ksym __weak;

static __always_inline bool has_sight(void)
{
	return rxf_config.sight == RXF_SIGHT_PROBE ||
	       (rxf_config.sight == RXF_SIGHT_CAST && bpf_cast_to_kern_ctx && bpf_rdonly_cast);
}

/* The context is the sk_buff or xdp_buff itself; the verifier wants to be told. */
static __always_inline __u64 kernel_context(void *ctx)
{
	if (rxf_config.sight == RXF_SIGHT_CAST)
		return (__u64)bpf_cast_to_kern_ctx(ctx);
	return (__u64)ctx;
}

/* A bad address reads as 0, or whatever lies there: never a fault. */
static __always_inline __u64 peek(__u64 address)
{
	__u64 value = 0;

	if (rxf_config.sight == RXF_SIGHT_CAST)
		return *(volatile __u64 *)bpf_rdonly_cast(
			(void *)address, bpf_core_type_id_kernel(struct timespec64));
	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

static __always_inline __u32 peek32(__u64 address)
{
	__u32 value = 0;

	if (rxf_config.sight == RXF_SIGHT_CAST)
		return *(volatile __u32 *)bpf_rdonly_cast(
			(void *)address, bpf_core_type_id_kernel(struct timespec64));
	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

static __always_inline __u16 peek16(__u64 address)
{
	__u16 value = 0;

	if (rxf_config.sight == RXF_SIGHT_CAST)
		return *(volatile __u16 *)bpf_rdonly_cast(
			(void *)address, bpf_core_type_id_kernel(struct timespec64));
	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

static __always_inline __u8 peek8(__u64 address)
{
	__u8 value = 0;

	if (rxf_config.sight == RXF_SIGHT_CAST)
		return *(volatile __u8 *)bpf_rdonly_cast(
			(void *)address, bpf_core_type_id_kernel(struct timespec64));
	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

#define PEEK(base, type, member) peek((base) + bpf_core_field_offset(struct type, member))
#define PEEK32(base, type, member) peek32((base) + bpf_core_field_offset(struct type, member))
#define PEEK16(base, type, member) peek16((base) + bpf_core_field_offset(struct type, member))
#define PEEK8(base, type, member) peek8((base) + bpf_core_field_offset(struct type, member))

#endif
