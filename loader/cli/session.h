// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <unistd.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "loader/cli/filter_json.h"
#include "loader/cli/watcher.h"
#include "loader/daemon/daemon.h"
#include "loader/daemon/route.h"
#include "loader/mirror/drops.h"
#include "loader/mirror/explain.h"
#include "loader/mirror/operations.h"
#include "loader/mirror/orphans.h"
#include "loader/mirror/probe.h"
#include "loader/mirror/remains.h"
#include "loader/netlink/net_namespace.h"

namespace rxf::cli {

// What the verbs do their work with; tests put their own in.
struct Operations {
  std::function<Result<void>(const std::string&)> enter_netns = netlink::enter_netns;
  std::function<decltype(mirror::attach)> attach = mirror::attach;
  std::function<decltype(start_watcher)> watch = start_watcher;
  std::function<decltype(mirror::detach)> detach = mirror::detach;
  std::function<decltype(mirror::attached_devices)> attached_devices = mirror::attached_devices;
  std::function<decltype(daemon::set)> set = daemon::set;
  std::function<decltype(daemon::get)> get = daemon::get;
  std::function<decltype(daemon::clear)> clear = daemon::clear;
  std::function<decltype(mirror::status)> status = mirror::status;
  std::function<decltype(mirror::remains)> remains = mirror::remains;
  std::function<decltype(mirror::remove_remains)> remove_remains = mirror::remove_remains;
  std::function<decltype(mirror::orphaned)> orphaned = mirror::orphaned;
  std::function<decltype(mirror::orphaned_device)> orphaned_device = mirror::orphaned_device;
  std::function<decltype(mirror::remove_all_orphans)> remove_all_orphans = mirror::remove_all_orphans;
  std::function<decltype(mirror::probe)> probe = mirror::probe;
  std::function<decltype(mirror::explain)> explain = mirror::explain;
  std::function<decltype(daemon::run)> run = daemon::run;
  std::function<decltype(mirror::DropListener::open)> listen = mirror::DropListener::open;
  std::function<bool()> on_terminal = [] { return ::isatty(STDOUT_FILENO) == 1; };
};

// One run of the command: the global options and where the answer goes. The references outlive it.
struct Session {
  const Operations& operations;
  std::ostream& out;
  std::ostream& err;

  mirror::Context context{};
  std::string api{};  // path of the daemon's socket
  bool json = false;
  bool pretty = false;
  bool verbose = false;

  // The answer as JSON, with a newline. Bytes that are not UTF-8, which device names may hold, become U+FFFD.
  void print(const Json& answer) const;

  // One line each on the error stream.
  void note(const std::string& sentence) const;
  void notes(const std::vector<std::string>& sentences) const;
  void complain(const Error& error) const;
};

// Calls `step` for each device, and goes on where it fails: every error is complained about but the first, which is
// the result.
Result<void> for_each_device(const Session& session, const std::vector<std::string>& devices,
                             const std::function<Result<void>(const std::string&)>& step);

}  // namespace rxf::cli
