// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "loader/cli/filter_json.h"
#include "loader/mirror/explain.h"

namespace rxf::cli {

// What `explain` answers for one frame: a line for the whole way, and one for each hook that was asked.
[[nodiscard]] std::string explanation_text(const mirror::Explanation& explanation);

// For one of many: "12  drop: vlan   ...".
[[nodiscard]] std::string numbered_text(std::size_t number, const mirror::Explanation& explanation);

// The record behind both. "reason" is null of a frame that passes.
[[nodiscard]] Json to_json(const mirror::Explanation& explanation);

}  // namespace rxf::cli
