// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>

#include "loader/model/result.h"

namespace rxf::netlink {

// Moves the calling thread into a namespace by `ip netns` name (/run/netns/NAME) or path (anything with a '/'). The
// mount namespace, and so the bpffs in sight, stays. Error names the namespace.
Result<void> enter_netns(const std::string& name);

// SO_NETNS_COOKIE of the caller's namespace (Linux 5.14).
Result<std::uint64_t> netns_cookie();

// Whether the caller is in the initial network namespace, where the host's own devices are. Only there has
// /proc/sys/net/core the machine-wide settings (dev_weight).
bool in_initial_netns();

}  // namespace rxf::netlink
