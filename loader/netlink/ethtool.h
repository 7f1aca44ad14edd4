// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <set>
#include <string>

#include "loader/netlink/links.h"

namespace rxf::netlink {

// One offload, as `ethtool -k` shows it.
struct Feature {
  bool on = false;
  bool wanted = false;      // asked for: on, or off for reasons of its own ("[requested on]")
  bool changeable = false;  // false: "[fixed]"

  bool operator==(const Feature&) const = default;
};

// A device's offloads by the kernel's names: "rx-vlan-hw-parse", "rx-vlan-filter", "rx-lro", "rx-gro-hw".
struct Features {
  std::set<std::string> changeable;  // may be switched, as far as the driver goes
  std::set<std::string> wanted;
  std::set<std::string> active;
  std::set<std::string> never_changing;  // in this kernel

  [[nodiscard]] Feature of(const std::string& name) const;
};

// ETHTOOL_MSG_FEATURES_GET over generic netlink (Documentation/networking/ethtool-netlink.rst). A device without
// ethtool operations: none.
Result<Features> features(const Link& link);

// Those that are on.
Result<std::set<std::string>> active_features(const Link& link);

// The driver's name, ETHTOOL_GDRVINFO; "" where the device does not say.
Result<std::string> driver(const Link& link);

}  // namespace rxf::netlink
