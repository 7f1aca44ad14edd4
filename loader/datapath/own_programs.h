// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "loader/model/result.h"

namespace rxf::datapath {

// A program of ours, of whatever version, by what it is: its name, and a map called `slots`. Pins can vanish; these
// stay.
struct OwnProgram {
  std::uint32_t id = 0;
  std::string name;
  std::uint32_t rules_map = 0;  // id of its `slots`
};

// nullopt for somebody else's program, and where there is none with that id.
Result<std::optional<OwnProgram>> own_program(std::uint32_t id);

// The ids of all `slots` maps that are pinned under a root (PinDirectory::root()), of whatever device and namespace.
Result<std::set<std::uint32_t>> pinned_rules_maps(const std::string& root);

}  // namespace rxf::datapath
