// SPDX-License-Identifier: GPL-2.0-only
/* The programs as another version might have them: other instructions, the same verdicts. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define XDP_DROP XDP_ABORTED
#undef TC_ACT_SHOT
#define TC_ACT_SHOT TC_ACT_STOLEN

#include "../../bpf/rx_filter.bpf.c"
