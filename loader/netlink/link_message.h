// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/netlink/links.h"

namespace rxf::netlink {

// RTM_NEWLINK (rtnetlink(7), struct ifinfomsg). An attribute of the wrong length is an error that names it.
Result<Link> decode_link(const nlmsghdr& message);

}  // namespace rxf::netlink
