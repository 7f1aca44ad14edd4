// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/notices.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <system_error>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

using Clock = std::chrono::steady_clock;

Fd open_at(const std::string& path) {
  sockaddr_un here{};
  here.sun_family = AF_UNIX;
  if (path.size() >= sizeof(here.sun_path)) throw std::system_error(ENAMETOOLONG, std::generic_category(), path);
  std::copy(path.begin(), path.end(), here.sun_path);
  Fd socket = checked_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  ::unlink(path.c_str());
  const auto* address = static_cast<const sockaddr*>(static_cast<const void*>(&here));
  checked(::bind(socket.get(), address, sizeof(here)), path);
  // As systemd's: for every user.
  checked(::chmod(path.c_str(), 0777), path);
  return socket;
}

}  // namespace

Notices::Notices(const std::string& path) : path_(path), socket_(open_at(path)) {}

bool Notices::take(int timeout_ms) {
  pollfd waited{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&waited, 1, timeout_ms) <= 0) return false;
  std::array<char, 4096> text;
  const ssize_t size = ::recv(socket_.get(), text.data(), text.size(), 0);
  if (size < 0) return false;
  std::istringstream message(std::string(text.data(), static_cast<std::size_t>(size)));
  for (std::string line; std::getline(message, line);) lines_.push_back(line);
  return true;
}

bool Notices::wait_for(const std::string& line, std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    const auto found =
        std::ranges::find_if(lines_, [&](const std::string& notified) { return notified.starts_with(line); });
    if (found != lines_.end()) {
      lines_.erase(lines_.begin(), found + 1);
      return true;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || !take(static_cast<int>(left))) return false;
  }
}

const std::vector<std::string>& Notices::all() {
  while (take(0)) {
  }
  return lines_;
}

void Notices::forget() {
  (void)all();
  lines_.clear();
}

}  // namespace rxf::test
