/* SPDX-License-Identifier: GPL-2.0-only */
/* From a packet to the little that decides about it. */
#ifndef RX_FILTER_FRAME_BPF_H
#define RX_FILTER_FRAME_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_VID_MASK 0x0fff

struct frame {
	__u8 destination[ETH_ALEN];
	__u16 vid; /* outermost C-tag's; 0: counts as untagged */
	bool vid_known; /* false: the tag may be out of sight, vid is 0 */
};

struct tagged_header {
	struct ethhdr eth;
	__be16 tci; /* valid where eth.h_proto is a tag's */
	__be16 inner_proto;
};

/* Only an outermost 802.1Q C-tag counts; the VID of a priority tag is 0 anyway. */
static __always_inline __u16 vid_of(__be16 tpid, __u16 tci)
{
	return tpid == bpf_htons(ETH_P_8021Q) ? tci & VLAN_VID_MASK : 0;
}

static __always_inline void frame_from_header(struct frame *frame,
					      const struct tagged_header *header, bool has_tag)
{
	__builtin_memcpy(frame->destination, header->eth.h_dest, ETH_ALEN);
	frame->vid = has_tag ? vid_of(header->eth.h_proto, bpf_ntohs(header->tci)) : 0;
}

/* False: too short to be judged. */
static __always_inline bool parse_xdp(struct xdp_md *ctx, struct frame *frame)
{
	struct tagged_header *header = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct tagged_header copy;

	frame->vid_known = true;
	if ((void *)(header + 1) <= end) {
		frame_from_header(frame, header, true);
		return true;
	}
	/* Some drivers (mlx5) hand over a multi-buffer frame whose linear part is empty. */
	if (!bpf_xdp_load_bytes(ctx, 0, &copy, sizeof(copy))) {
		frame_from_header(frame, &copy, true);
		return true;
	}
	if (bpf_xdp_load_bytes(ctx, 0, &copy.eth, sizeof(copy.eth)))
		return false;
	frame_from_header(frame, &copy, false);
	return true;
}

/* Relative to the MAC header, since skb->data may not be there: where generic XDP had to copy
 * the frame it leaves mac_len at 0 (seen on Linux 6.18), and a tc hook then starts at layer 3.
 */
static __always_inline bool parse_skb_bytes(struct __sk_buff *skb, struct frame *frame)
{
	struct tagged_header copy;

	if (!bpf_skb_load_bytes_relative(skb, 0, &copy, sizeof(copy), BPF_HDR_START_MAC)) {
		frame_from_header(frame, &copy, true);
		return true;
	}
	if (bpf_skb_load_bytes_relative(skb, 0, &copy.eth, sizeof(copy.eth), BPF_HDR_START_MAC))
		return false;
	frame_from_header(frame, &copy, false);
	return true;
}

/* The kernel has moved an outermost tag into metadata before it runs a tc hook,
 * so a tag in the bytes is an inner one as soon as there is one in metadata.
 */
static __always_inline bool parse_skb(struct __sk_buff *skb, struct frame *frame)
{
	if (!parse_skb_bytes(skb, frame))
		return false;
	frame->vid_known = true;
	if (skb->vlan_present)
		frame->vid = vid_of(skb->vlan_proto, skb->vlan_tci);
	return true;
}

#endif
