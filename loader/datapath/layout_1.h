// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>

#include "bpf/rx_filter_abi.h"
#include "loader/model/result.h"

// The maps as version 1 laid them out, where they differ: `steering` is new, the other maps are the same.
namespace rxf::datapath::layout_1 {

inline constexpr std::uint32_t kAbi = 1;

struct Mode {
  __u64 active[RXF_MAX_UPPERS];  // slot
};

struct Upper {
  char name[16];
  __u32 index;
  __u32 padding;
  rxf_tc_filter guard;
};

struct Meta {
  __u32 abi;
  __u32 ifindex;
  __u64 netns_cookie;
  char name[16];
  __u32 requested_mode;
  __u32 early_hook;
  __u32 xdp_prog_id;
  __u32 judges_vlan;
  rxf_tc_filter early;
};

static_assert(sizeof(Mode) == 2048 && sizeof(Upper) == 40 && sizeof(Meta) == 64);

// Replaces the pinned maps that differ by new ones with the same content, one at a time, `meta` last; interrupted
// anywhere it is taken up again. Nothing that runs notices: the programs keep the maps they have. `meta` goes on saying
// layout 1, as long as the programs are those. The caller has the lock for writing.
Result<void> convert(const std::string& pin_directory);

}  // namespace rxf::datapath::layout_1
