// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>

#include "loader/netlink/links.h"

namespace rxf::netlink {

// Packet sockets of the caller's namespace that ask the link for all multicast (packet(7), PACKET_MR_ALLMULTI). Error
// ENOENT where the kernel does not tell of packet sockets.
Result<std::size_t> all_multicast_sockets(const Link& link);

// Multicast routing interfaces on the link, IPv4's and IPv6's, of the default tables: each holds one count of its
// allmulti.
std::size_t multicast_routing_interfaces(const Link& link);

}  // namespace rxf::netlink
