// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/net_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "loader/netlink/system.h"

namespace rxf::netlink {
namespace {

// A name that is no path component, or has a NUL, would be another file than the one asked for.
bool can_exist(const std::string& name) { return !name.empty() && name != "." && name != ".." && !name.contains('\0'); }

std::unexpected<Error> no_namespace(const std::string& name) {
  const std::string hint = name.contains('/') ? "" : ": see ip netns list";
  return std::unexpected(Error{.text = "no network namespace \"" + name + "\"" + hint, .code = ENOENT});
}

Result<Fd> open_namespace(const std::string& name) {
  if (!can_exist(name)) return no_namespace(name);
  const std::string path = name.contains('/') ? name : "/run/netns/" + name;
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() >= 0) return file;
  if (errno == ENOENT) return no_namespace(name);
  return system_error(errno, "network namespace \"" + name + "\"");
}

}  // namespace

Result<void> enter_netns(const std::string& name) {
  const auto target = open_namespace(name);
  if (!target) return std::unexpected(target.error());
  if (::setns(target->get(), CLONE_NEWNET) == 0) return {};
  const int code = errno;
  if (code == EINVAL) {
    return std::unexpected(Error{.text = "\"" + name + "\" is not a network namespace", .code = code});
  }
  return system_error(code, "enter network namespace \"" + name + "\"");
}

Result<std::uint64_t> netns_cookie() {
  const auto socket = namespace_socket();
  if (!socket) return std::unexpected(socket.error());
  std::uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (::getsockopt(socket->get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0) {
    return system_error(errno, "SO_NETNS_COOKIE");
  }
  return cookie;
}

bool in_initial_netns() {
  // The kernel shows the machine-wide settings in the initial namespace only (net/core/sysctl_net_core.c).
  return ::access("/proc/sys/net/core/dev_weight", F_OK) == 0;
}

}  // namespace rxf::netlink
