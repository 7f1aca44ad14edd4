// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>

#include "loader/model/result.h"

namespace rxf::datapath {

// What the `meta` map of every layout begins with: whose pins these are.
struct PinIdentity {
  std::uint32_t abi = 0;  // 0: an attach or detach was interrupted, nothing is in force
  std::uint32_t ifindex = 0;
  std::uint64_t netns_cookie = 0;
  std::string name;                  // when it was attached
  std::uint32_t requested_mode = 0;  // RXF_HOOK_*

  bool operator==(const PinIdentity&) const = default;
};

// Error ENOENT where there is no `meta`: an attach or detach was interrupted.
Result<PinIdentity> pin_identity(const std::string& pin_directory);

// When an attach that is to be confirmed is over (rxf_mode.deadline); 0: none is to be, or an earlier layout has no
// such time.
Result<std::uint64_t> pinned_deadline(const std::string& pin_directory);

// The kernel's id of the `slots` map, which every layout has: a program that uses it is ours.
Result<std::uint32_t> pinned_rules_map_id(const std::string& pin_directory);

// Whether any program that is loaded, wherever it is attached, uses the map.
Result<bool> is_map_used(std::uint32_t map_id);

}  // namespace rxf::datapath
