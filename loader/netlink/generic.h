// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "loader/netlink/attributes.h"
#include "loader/netlink/socket.h"

namespace rxf::netlink {

// The number of a generic netlink family (a NETLINK_GENERIC socket). Error ENOENT where the kernel has none of that
// name.
Result<std::uint16_t> family_id(Socket& socket, const std::string& family);

// The attributes of a generic netlink message.
Result<Attributes> generic_attributes(const nlmsghdr& message, std::span<const Field> fields);

}  // namespace rxf::netlink
