// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string_view>

#include "loader/model/filter_set.h"
#include "loader/model/frame.h"

namespace rxf {

// The values are the RXF_ADMITTED and RXF_DROP_* of bpf/rx_filter_abi.h.
enum class Verdict { accept = 0, vlan = 1, broadcast = 2, multicast = 3, unicast = 4 };

// "accept", "vlan", "broadcast", "multicast", "unicast"
[[nodiscard]] std::string_view to_string(Verdict verdict);

// The reference: does an upper with this filter set and device address accept the frame, and if not, why? Written
// straight from docs/semantics.md, one step a line, and used by tests to judge the programs; nothing at run time uses
// it.
[[nodiscard]] Verdict judge(const FilterSet& filter, const MacAddress& device_address, const Frame& frame);

}  // namespace rxf
