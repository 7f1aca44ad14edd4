// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/quit_signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>

namespace rxf::cli {

Result<QuitSignals> QuitSignals::catch_all() {
  sigset_t quitting;
  ::sigemptyset(&quitting);
  ::sigaddset(&quitting, SIGINT);
  ::sigaddset(&quitting, SIGTERM);
  Fd fd(::signalfd(-1, &quitting, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return system_error(errno, "signalfd");
  sigset_t caught = quitting;
  sigset_t before;
  ::sigaddset(&caught, SIGPIPE);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &caught, &before); error != 0)
    return system_error(error, "block signals");
  return QuitSignals(std::move(fd), caught, before);
}

// What has been told must not end us now.
QuitSignals::~QuitSignals() {
  if (!fd_) return;
  const timespec no_time{};
  while (::sigtimedwait(&caught_, nullptr, &no_time) > 0) continue;
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool QuitSignals::wait(int timeout_ms) const {
  std::array<pollfd, 2> waited = {{{.fd = fd_.get(), .events = POLLIN}, {.fd = STDOUT_FILENO}}};
  return ::poll(waited.data(), waited.size(), timeout_ms) > 0;
}

}  // namespace rxf::cli
