/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RXF_METADATA_MARK_H
#define RXF_METADATA_MARK_H

/* What a sender's SO_MARK tells metadata_tag.bpf.c; the low 16 bits are the TCI, host order. */
#define RXF_MARK_PUSH 0x80000000u    /* push a tag */
#define RXF_MARK_SERVICE 0x40000000u /* an S-tag, 0x88a8, instead of a C-tag, 0x8100 */

#endif
