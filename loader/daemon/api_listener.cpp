// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "loader/daemon/access_list.h"
#include "loader/daemon/api_path.h"

namespace rxf::daemon {
namespace {

constexpr int kSocketType = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;

std::unexpected<Error> failed(int code, const std::string& path, const std::string& what) {
  return system_error(code, "API socket " + path + ": " + what);
}

std::unexpected<Error> refused(int code, const std::string& path, const std::string& why) {
  return std::unexpected(Error{.text = "API socket " + path + ": " + why, .code = code});
}

Result<std::optional<gid_t>> find_group(const std::optional<std::string>& name) {
  if (!name) return std::optional<gid_t>();
  const auto gid = group_id(*name);
  if (!gid) return std::unexpected(gid.error());
  return std::optional(*gid);
}

// Made for `group` where it is made; that of our own is made over to it also where an earlier run made it.
Result<void> make_directory(const std::string& directory, const std::optional<gid_t>& group) {
  const bool made = ::mkdir(directory.c_str(), 0750) == 0;
  if (!made && errno != EEXIST) return failed(errno, directory, "make the directory");
  if (!group || (!made && directory != kRuntimeDirectory)) return {};
  if (::chown(directory.c_str(), static_cast<uid_t>(-1), *group) != 0) return failed(errno, directory, "chown");
  return {};
}

// While one process looks whether a socket is in use and replaces it, no other does. Not the directory's own lock: who
// may connect could keep that for ever.
Result<Fd> lock_out_others(const std::string& path) {
  Fd fd(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0) return failed(errno, path, "lock");
  return fd;
}

Result<void> make_edit_lock(const std::string& path, const std::optional<gid_t>& group) {
  const Fd fd(::open(edit_lock_path(path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || (group && ::fchown(fd.get(), static_cast<uid_t>(-1), *group) != 0) || ::fchmod(fd.get(), 0660) != 0)
    return failed(errno, path, "make the lock of edits");
  return {};
}

std::string who_listens(int connected) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(connected, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "another process";
  return "process " + std::to_string(peer.pid);
}

// Whether the socket at `path` is one that a dead process left there.
Result<bool> is_stale(const std::string& path, const sockaddr_un& address) {
  Fd probe(::socket(AF_UNIX, kSocketType, 0));
  if (!probe) return failed(errno, path, "socket");
  if (::connect(probe.get(), generic(address), sizeof(address)) == 0)
    return refused(EADDRINUSE, path, who_listens(probe.get()) + " serves it already");
  // Neither a full queue nor another kind of socket is a sign of death.
  if (errno != ECONNREFUSED) return failed(EADDRINUSE, path, "not one that was left behind");
  return true;
}

Result<void> make_way(const std::string& path, const sockaddr_un& address) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) != 0) return errno == ENOENT ? Result<void>{} : failed(errno, path, "stat");
  // connect(2) refuses a file that is none in the same words as a socket without a listener.
  if (!S_ISSOCK(there.st_mode)) return refused(EEXIST, path, "is there, and no socket");
  if (const auto stale = is_stale(path, address); !stale) return std::unexpected(stale.error());
  if (::unlink(path.c_str()) != 0) return failed(errno, path, "unlink");
  return {};
}

// Nobody can connect before listen(2), and so nobody before the file's mode and group are right.
Result<struct stat> listen_at(int fd, const std::string& path, const sockaddr_un& address,
                              const std::optional<gid_t>& group) {
  struct stat file {};
  if (::bind(fd, generic(address), sizeof(address)) != 0) return failed(errno, path, "bind");
  if (group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return failed(errno, path, "chown");
  if (::chmod(path.c_str(), 0660) != 0) return failed(errno, path, "chmod");
  if (::listen(fd, SOMAXCONN) != 0) return failed(errno, path, "listen");
  if (::lstat(path.c_str(), &file) != 0) return failed(errno, path, "stat");
  return file;
}

// nullopt where systemd passed none.
Result<std::optional<Fd>> passed_socket() {
  const int count = sd_listen_fds(1);
  if (count < 0) return system_error(count, "sockets passed by systemd");
  if (count == 0) return std::optional<Fd>();
  Fd fd(SD_LISTEN_FDS_START);
  if (count != 1 || sd_is_socket_unix(fd.get(), SOCK_SEQPACKET, 1, nullptr, 0) <= 0)
    return usage_error("systemd passed other sockets than one with ListenSequentialPacket=");
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) return system_error(errno, "socket passed by systemd");
  return std::optional(std::move(fd));
}

}  // namespace

Result<ApiListener> ApiListener::open(const std::string& path, const std::optional<std::string>& group) {
  auto passed = passed_socket();
  if (!passed) return std::unexpected(passed.error());
  if (*passed) return ApiListener(std::move(**passed));

  const auto address = api_address(path);
  if (!address) return std::unexpected(address.error());
  const auto gid = find_group(group);
  if (!gid) return std::unexpected(gid.error());
  const std::string parent = std::filesystem::path(path).parent_path();
  const std::string directory = parent.empty() ? "." : parent;
  if (auto made = make_directory(directory, *gid); !made) return std::unexpected(made.error());
  const auto lock = lock_out_others(path);
  if (!lock) return std::unexpected(lock.error());
  if (auto free = make_way(path, *address); !free) return std::unexpected(free.error());

  if (auto made = make_edit_lock(path, *gid); !made) return std::unexpected(made.error());

  ApiListener listener(Fd(::socket(AF_UNIX, kSocketType, 0)));
  if (!listener.fd_) return failed(errno, path, "socket");
  const auto file = listen_at(listener.fd(), path, *address, *gid);
  if (!file) return std::unexpected(file.error());
  listener.path_ = path;
  listener.file_ = *file;
  return listener;
}

ApiListener::~ApiListener() {
  struct stat now {};
  if (!fd_ || path_.empty() || ::lstat(path_.c_str(), &now) != 0) return;
  if (now.st_dev == file_.st_dev && now.st_ino == file_.st_ino) ::unlink(path_.c_str());
}

}  // namespace rxf::daemon
