// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/netlink/links.h"

namespace rxf::netlink {

// What a driver offers native XDP programs.
struct XdpFeatures {
  bool basic = false;     // native XDP at all
  bool redirect = false;  // XDP_REDIRECT
  bool frags = false;     // frames in more than one buffer: MTUs of more than a page

  bool operator==(const XdpFeatures&) const = default;
};

// NETDEV_CMD_DEV_GET (Documentation/netlink/specs/netdev.yaml), which asks the driver nothing and changes nothing.
// Error ENOTSUP before Linux 6.3.
Result<XdpFeatures> xdp_features(const Link& link);

}  // namespace rxf::netlink
