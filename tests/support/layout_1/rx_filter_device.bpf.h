/* SPDX-License-Identifier: GPL-2.0-only */
/* Standing down: what the early drop sees of its net_device. */
#ifndef RX_FILTER_DEVICE_BPF_H
#define RX_FILTER_DEVICE_BPF_H

#include <stdbool.h>

#include "rx_filter_maps.bpf.h"

struct net_device {
	void *rx_handler;
} __attribute__((preserve_access_index));

struct xdp_rxq_info {
	struct net_device *dev;
} __attribute__((preserve_access_index));

struct xdp_buff {
	struct xdp_rxq_info *rxq;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
} __attribute__((preserve_access_index));

/* Linux 6.2; absent, the early drop cannot stand down by itself. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;

/* No rx_handler: the last macvlan is gone and every frame is the host's. */
static __always_inline bool xdp_stands_down(struct xdp_md *ctx)
{
	struct xdp_buff *xdp;

	if (!rxf_config.stand_down || !bpf_cast_to_kern_ctx)
		return false;
	xdp = bpf_cast_to_kern_ctx(ctx);
	return !xdp->rxq->dev->rx_handler;
}

static __always_inline bool skb_stands_down(struct __sk_buff *ctx)
{
	struct sk_buff *skb;

	if (!rxf_config.stand_down || !bpf_cast_to_kern_ctx)
		return false;
	skb = bpf_cast_to_kern_ctx(ctx);
	return !skb->dev->rx_handler;
}

#endif
