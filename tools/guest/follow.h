// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/guest/guest_settings.h"

namespace rxf::guest {

struct FollowOptions {
  std::vector<GuestSettings> guests;                               // one an upper
  std::function<Result<std::vector<GuestSettings>>()> reload;      // asked at SIGHUP
  std::string api;                                                 // path of the daemon's socket
  std::string state_directory;                                     // for the reports; made where it is not there
  std::function<void(int priority, const std::string& line)> log;  // LOG_* of syslog(3)
};

// Follows those guests, of the calling thread's network namespace, until SIGTERM or SIGINT; the filter sets then stay
// in force. Tells systemd of its state (sd_notify(3)). At SIGHUP the settings are asked for again: guests that stay the
// same are left alone, a changed policy is judged by at once, and who is not there any more keeps the filter set;
// settings that are wrong are logged, and change nothing. Nothing that QEMU, the daemon or a guest does ends it.
// Errors, before anything is done: no event loop, no netlink.
Result<void> follow(const FollowOptions& options);

}  // namespace rxf::guest
