// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <string>

#include "loader/daemon/settings.h"
#include "loader/mirror/operations.h"

namespace rxf::daemon {

struct Setup {
  mirror::Context context;
  std::string api;                                                 // path of the API socket
  std::function<Result<Settings>()> settings;                      // asked at the start, and again at SIGHUP
  std::function<void(int priority, const std::string& line)> log;  // LOG_* of syslog(3)
};

// Serves the API socket and keeps every attached lower device of the calling thread's network namespace in step with
// its links, until SIGTERM or SIGINT; what is attached then stays so. Tells systemd of its state (sd_notify(3)).
// Errors, before anything is served: settings that are wrong, another daemon on the socket, no privilege, no bpffs.
Result<void> run(const Setup& setup);

}  // namespace rxf::daemon
