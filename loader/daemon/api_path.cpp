// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_path.h"

#include <algorithm>

#include "loader/netlink/net_namespace.h"

namespace rxf::daemon {

std::string default_api_path() {
  const std::string directory = kRuntimeDirectory;
  if (netlink::in_initial_netns()) return directory + "/api.sock";
  // No namespace has the cookie 0. Without cookies nothing could have been attached here either.
  return directory + "/api@" + std::to_string(netlink::netns_cookie().value_or(0)) + ".sock";
}

Result<sockaddr_un> api_address(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return usage_error("API socket \"" + path + "\": a path has 1 to " + std::to_string(sizeof(address.sun_path) - 1) +
                       " bytes");
  std::ranges::copy(path, address.sun_path);
  return address;
}

std::string edit_lock_path(const std::string& api) { return api + ".edit"; }

}  // namespace rxf::daemon
