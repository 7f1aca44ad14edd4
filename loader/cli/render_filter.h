// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "loader/model/filter_set.h"

namespace rxf::cli {

// "unfiltered", or "3 unicast  5 multicast  vlans 42,100-109  flags broadcast,multicast".
[[nodiscard]] std::string filter_summary(const FilterSet& filter);

// "macvtap0: unfiltered", or the flags and VLANs on one line and one address on each of the next.
[[nodiscard]] std::string filter_text(const std::string& upper, const FilterSet& filter);

}  // namespace rxf::cli
