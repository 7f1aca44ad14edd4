// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <vector>

#include "loader/datapath/tc_filter.h"
#include "loader/model/result.h"

namespace rxf::datapath {

// The ids of the programs on a device's tcx hook (Linux 6.6), in the order in which they see a frame. All of them come
// before every filter of the clsact. None where the kernel has no such hook.
Result<std::vector<std::uint32_t>> tcx_programs(std::uint32_t ifindex, TcHook hook);

}  // namespace rxf::datapath
