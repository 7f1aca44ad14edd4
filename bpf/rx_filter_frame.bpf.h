/* SPDX-License-Identifier: GPL-2.0-only */
/* From a packet to the little that decides about it. */
#ifndef RX_FILTER_FRAME_BPF_H
#define RX_FILTER_FRAME_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "rx_filter_abi.h"

#define VLAN_VID_MASK 0x0fff

/* No filter set has it: where the tags are out of reach, a VLAN half rejects. */
#define VID_OUT_OF_REACH 0x1000

/* frame.priority_tags */
#define PRIORITY_TAG_CUSTOMER (1 << 0)
#define PRIORITY_TAG_SERVICE (1 << 1)

struct frame {
	__u8 destination[ETH_ALEN];
	__u8 source[ETH_ALEN];
	__u16 vid; /* what a VLAN half is asked about; 0: counts as untagged */
	__u16 tag_vid; /* of the first tag whose VID is not 0, C or S; 0: none */
	__be16 proto; /* behind the tags; 0: cannot be told */
	bool is_service; /* tag_vid is an S-tag's */
	bool tags_known; /* false: a tag may be out of sight or reach */
	__u8 priority_tags; /* PRIORITY_TAG_* of those in front of tag_vid's */
};

struct tagged_header {
	struct ethhdr eth;
	__be16 tci; /* valid where eth.h_proto is a tag's */
	__be16 inner_proto;
};

struct tag {
	__be16 tci;
	__be16 inner_proto;
};

static __always_inline bool is_tag(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

static __always_inline void lose_tags(struct frame *frame)
{
	frame->vid = VID_OUT_OF_REACH;
	frame->proto = 0;
	frame->tags_known = false;
}

/* The driver may have stripped the outermost tag, and what is in the bytes be an inner one. */
static __always_inline void hide_tags(struct frame *frame)
{
	if (frame->tag_vid || frame->priority_tags)
		frame->proto = 0;
	frame->vid = 0;
	frame->tag_vid = 0;
	frame->priority_tags = 0;
	frame->tags_known = false;
}

/* Takes in a tag. True: it has VID 0, so that a receiver takes it off and goes on to the next. */
static __always_inline bool take_tag(struct frame *frame, __be16 tpid, __u16 tci)
{
	bool is_service = tpid == bpf_htons(ETH_P_8021AD);
	__u16 vid = tci & VLAN_VID_MASK;

	if (!vid) {
		frame->priority_tags |= is_service ? PRIORITY_TAG_SERVICE : PRIORITY_TAG_CUSTOMER;
		return true;
	}
	frame->tag_vid = vid;
	frame->is_service = is_service;
	/* As the VLAN filters of NICs do it, an S-tag counts as none. */
	frame->vid = is_service ? 0 : vid;
	return false;
}

/* Relative to the MAC header, since skb->data may not be there: where generic XDP had to copy
 * the frame it leaves mac_len at 0 (seen on Linux 6.18), and a tc hook then starts at layer 3.
 */
static __always_inline long load_bytes(void *ctx, bool xdp, __u32 offset, void *to, __u32 size)
{
	if (xdp)
		return bpf_xdp_load_bytes(ctx, offset, to, size);
	return bpf_skb_load_bytes_relative(ctx, offset, to, size, BPF_HDR_START_MAC);
}

/* From the tag in the bytes at `offset`, before which `taken` were looked at, to the first whose
 * VID is not 0. A frame may have any number of tags, a program looks at RXF_MAX_TAGS.
 */
static __always_inline void walk_tags(void *ctx, bool xdp, struct frame *frame, __u32 offset,
				      __u32 taken)
{
	struct tag tag;

	for (__u32 i = 0; i < RXF_MAX_TAGS && is_tag(frame->proto); i++) {
		if (i + taken >= RXF_MAX_TAGS ||
		    load_bytes(ctx, xdp, offset + i * sizeof(tag), &tag, sizeof(tag))) {
			lose_tags(frame);
			return;
		}
		if (!take_tag(frame, frame->proto, bpf_ntohs(tag.tci))) {
			frame->proto = tag.inner_proto;
			return;
		}
		frame->proto = tag.inner_proto;
	}
	if (is_tag(frame->proto))
		lose_tags(frame);
}

static __always_inline void frame_from_header(struct frame *frame, const struct ethhdr *eth)
{
	__builtin_memcpy(frame->destination, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(frame->source, eth->h_source, ETH_ALEN);
	frame->proto = eth->h_proto;
	frame->vid = 0;
	frame->tag_vid = 0;
	frame->is_service = false;
	frame->tags_known = true;
	frame->priority_tags = 0;
}

/* The header, and with `has_tag` what stands behind it, which may be a tag. False: too short. */
static __always_inline bool load_header(void *ctx, bool xdp, struct tagged_header *header,
					bool *has_tag)
{
	*has_tag = !load_bytes(ctx, xdp, 0, header, sizeof(*header));
	return *has_tag || !load_bytes(ctx, xdp, 0, &header->eth, sizeof(header->eth));
}

/* The tags in the bytes, where the first of them was loaded with the header. */
static __always_inline void take_tags(void *ctx, bool xdp, struct frame *frame,
				      const struct tagged_header *header, bool has_tag, __u32 taken)
{
	if (!is_tag(frame->proto))
		return;
	if (!has_tag) {
		lose_tags(frame);
		return;
	}
	frame->proto = header->inner_proto;
	if (take_tag(frame, header->eth.h_proto, bpf_ntohs(header->tci)) && is_tag(frame->proto))
		walk_tags(ctx, xdp, frame, sizeof(*header), taken + 1);
}

/* False: too short to be judged. */
static __always_inline bool parse_xdp(struct xdp_md *ctx, struct frame *frame)
{
	struct tagged_header *there = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct tagged_header header;
	bool has_tag = true;

	/* Some drivers (mlx5) hand over a multi-buffer frame whose linear part is empty. */
	if ((void *)(there + 1) <= end)
		header = *there;
	else if (!load_header(ctx, true, &header, &has_tag))
		return false;
	frame_from_header(frame, &header.eth);
	take_tags(ctx, true, frame, &header, has_tag, 0);
	return true;
}

/* The kernel has moved an outermost tag into metadata before it runs a tc hook,
 * so a tag in the bytes is an inner one as soon as there is one in metadata.
 */
static __always_inline bool parse_skb(struct __sk_buff *skb, struct frame *frame)
{
	struct tagged_header header;
	bool has_tag;

	if (!load_header(skb, false, &header, &has_tag))
		return false;
	frame_from_header(frame, &header.eth);
	if (!skb->vlan_present)
		take_tags(skb, false, frame, &header, has_tag, 0);
	else if (take_tag(frame, skb->vlan_proto, skb->vlan_tci))
		take_tags(skb, false, frame, &header, has_tag, 1);
	return true;
}

#endif
