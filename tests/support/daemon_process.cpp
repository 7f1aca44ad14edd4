// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/daemon_process.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include "tests/support/loader_command.h"
#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string notice_path(const std::string& directory) { return directory + "/notify"; }

// The one of a daemon before this one goes: it speaks to nobody any more.
Fd open_notices(const std::string& directory) {
  const std::string path = notice_path(directory);
  sockaddr_un here{};
  here.sun_family = AF_UNIX;
  if (path.size() >= sizeof(here.sun_path)) throw std::system_error(ENAMETOOLONG, std::generic_category(), path);
  std::copy(path.begin(), path.end(), here.sun_path);
  Fd socket = checked_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  ::unlink(path.c_str());
  const auto* address = static_cast<const sockaddr*>(static_cast<const void*>(&here));
  checked(::bind(socket.get(), address, sizeof(here)), path);
  return socket;
}

std::vector<std::string> command(const std::string& bpffs, const std::string& directory,
                                 const DaemonProcess::Options& options) {
  std::vector<std::string> all = options.launcher;
  for (const std::string& argument : {LoaderCommand::binary(), std::string("--bpffs"), bpffs, std::string("--api"),
                                      DaemonProcess::socket_in(directory), std::string("run")})
    all.push_back(argument);
  all.insert(all.end(), options.arguments.begin(), options.arguments.end());
  return all;
}

ChildProcess::Options surroundings(const std::string& log, const std::string& directory,
                                   const DaemonProcess::Options& options) {
  ChildProcess::Options all{.environment = options.environment, .error_file = log};
  all.environment.push_back("NOTIFY_SOCKET=" + notice_path(directory));
  return all;
}

}  // namespace

DaemonProcess::DaemonProcess(const std::string& bpffs, const std::string& directory, const Options& options)
    : log_(directory + "/log"),
      notices_(open_notices(directory)),
      child_(command(bpffs, directory, options), surroundings(log_, directory, options)) {}

bool DaemonProcess::take_notification(int timeout_ms) {
  pollfd waited{.fd = notices_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&waited, 1, timeout_ms) <= 0) return false;
  std::array<char, 4096> text;
  const ssize_t size = ::recv(notices_.get(), text.data(), text.size(), 0);
  if (size < 0) return false;
  std::istringstream message(std::string(text.data(), static_cast<std::size_t>(size)));
  for (std::string line; std::getline(message, line);) lines_.push_back(line);
  return true;
}

bool DaemonProcess::wait_for(const std::string& line, std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    const auto found =
        std::ranges::find_if(lines_, [&](const std::string& notified) { return notified.starts_with(line); });
    if (found != lines_.end()) {
      lines_.erase(lines_.begin(), found + 1);
      return true;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || !take_notification(static_cast<int>(left))) return false;
  }
}

const std::vector<std::string>& DaemonProcess::notified() {
  while (take_notification(0)) {
  }
  return lines_;
}

void DaemonProcess::forget_notified() {
  (void)notified();
  lines_.clear();
}

std::string DaemonProcess::log() const {
  std::ostringstream text;
  text << std::ifstream(log_).rdbuf();
  return text.str();
}

}  // namespace rxf::test
