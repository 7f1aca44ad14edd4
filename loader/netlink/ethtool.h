// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <set>
#include <string>

#include "loader/netlink/links.h"

namespace rxf::netlink {

// The offloads that are on, by the kernel's names: "rx-vlan-hw-parse", "rx-vlan-filter", "rx-lro", "rx-gro-hw".
// ETHTOOL_MSG_FEATURES_GET over generic netlink (Documentation/networking/ethtool-netlink.rst). A device without
// ethtool operations: the empty set.
Result<std::set<std::string>> active_features(const Link& link);

// The driver's name, ETHTOOL_GDRVINFO; "" where the device does not say.
Result<std::string> driver(const Link& link);

}  // namespace rxf::netlink
