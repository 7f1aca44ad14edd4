// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace rxf::daemon {

// What `run` is told, by its configuration file and by flags.
struct Settings {
  std::vector<std::string> devices;  // lower devices that are to be attached whenever they are there
  std::optional<std::string> group;  // whose members may connect to the API socket; absent: nobody but its owner
  std::vector<std::string> allow;    // access_list.h
  std::chrono::seconds look{60};     // between two looks at what no notification tells

  bool operator==(const Settings&) const = default;
};

}  // namespace rxf::daemon
