// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

#include "bpf/rx_filter_abi.h"
#include "loader/model/result.h"

namespace rxf::datapath {

// Our place on a clsact ingress hook. Filters of others are never touched; they may stand before and after.
inline constexpr std::uint32_t kTcPriority = 100;
inline constexpr std::uint32_t kTcHandle = 1;

// Puts the program on the device's clsact (or ingress) hook. `previous` is what the maps remember: a filter that is
// there already at its place is replaced in one step, otherwise a free priority from kTcPriority on is taken. Returns
// where it is now; made_qdisc is 1 where clsact was made by this or by the previous call.
Result<rxf_tc_filter> attach_tc(std::uint32_t ifindex, int program_fd, const rxf_tc_filter& previous);

// The filter at one of our places whose program uses the map with that id; prog_id 0 where there is none.
Result<rxf_tc_filter> find_tc(std::uint32_t ifindex, std::uint32_t map_id);

// The id of the program at that place, 0 where there is none (or no hook, or no device).
Result<std::uint32_t> query_tc(std::uint32_t ifindex, const rxf_tc_filter& filter);

// Removes the filter at that place; already gone is done.
Result<void> detach_tc(std::uint32_t ifindex, const rxf_tc_filter& filter);

}  // namespace rxf::datapath
