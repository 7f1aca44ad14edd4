// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/system.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace rxf::netlink {

Result<Fd> namespace_socket() {
  // Of all families this one is in every kernel.
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return system_error(errno, "socket");
  return socket;
}

Result<void> device_ioctl(const Link& link, unsigned long operation, ifreq& request) {
  const auto socket = namespace_socket();
  if (!socket) return std::unexpected(socket.error());
  if (link.name.size() >= std::size(request.ifr_name)) return system_error(ENODEV, link.name);
  std::ranges::fill(request.ifr_name, '\0');
  std::ranges::copy(link.name, std::begin(request.ifr_name));
  if (::ioctl(socket->get(), operation, &request) < 0) return system_error(errno, link.name);
  return {};
}

}  // namespace rxf::netlink
