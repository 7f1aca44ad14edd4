// SPDX-License-Identifier: GPL-2.0-only
/* The programs of map layout 1, as they were, under another name than this version's. */
#include "layout_1/rx_filter.bpf.c"
