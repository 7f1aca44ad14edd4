// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/mirror/operations.h"

namespace rxf::mirror {

// Pins that no device of this network namespace owns.
struct Remains {
  std::string device;  // that they were made for, as their directory is called
  std::uint32_t ifindex = 0;
  std::string pin_directory;
  std::optional<AttachMode> was_attached;  // of a device of this namespace that is gone: how it was
  std::string problem;                     // what they are, and the next step
};

// What is left of devices of this namespace that are gone, of interrupted commands, and of namespaces that are gone: no
// program that is loaded uses their maps. What somebody is at work in is left out. Read-only.
Result<std::vector<Remains>> remains(const Context& context);

// Removes them, and the guards and list entries of their uppers that are still in this namespace. Error EBUSY where
// they are in use after all; `changed` false where there is nothing.
Result<Report> remove_remains(const std::string& pin_directory);

}  // namespace rxf::mirror
