// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "loader/mirror/lowerdev.h"

namespace rxf::mirror {

// Records of the `filters` map that cannot be read, each with the reason, by the upper's ifindex. Such a filter set
// counts as lost; those of other uppers are no worse for it.
Result<std::map<std::uint32_t, std::string>> damaged_records(const Lowerdev& device);

// Removes them. A note says whose filter set that was.
Result<void> forget_damaged_records(Lowerdev& device, std::vector<std::string>& notes);

// One sentence for each, with the next step. Read-only.
Result<std::vector<std::string>> damaged_record_problems(const Lowerdev& device);

}  // namespace rxf::mirror
