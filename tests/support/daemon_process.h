// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/notices.h"

namespace rxf::test {

// A `rxfilter-loader run` in the calling thread's namespaces, which tells us its state as it would tell systemd
// (sd_notify(3)). Killed where it still runs at the end.
class DaemonProcess {
 public:
  struct Options {
    std::vector<std::string> arguments;    // of `run`
    std::vector<std::string> launcher;     // a program, by path, that ends by executing the rest of its arguments
    std::vector<std::string> environment;  // NAME=VALUE
  };

  // Its socket is `directory`/api.sock, and its standard error goes to `directory`/log. Does not wait for it.
  DaemonProcess(const std::string& bpffs, const std::string& directory) : DaemonProcess(bpffs, directory, Options{}) {}
  DaemonProcess(const std::string& bpffs, const std::string& directory, const Options& options);

  static std::string socket_in(const std::string& directory) { return directory + "/api.sock"; }

  // As Notices has it.
  bool wait_for(const std::string& line, std::chrono::milliseconds patience = std::chrono::seconds(60)) {
    return notices_.wait_for(line, patience);
  }
  const std::vector<std::string>& notified() { return notices_.all(); }
  void forget_notified() { notices_.forget(); }

  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  void signal(int number) const { child_.signal(number); }
  void kill() { child_.kill(); }
  int wait() { return child_.wait(); }

  // What it has written to its standard error so far, and those before it in that directory.
  [[nodiscard]] std::string log() const;

 private:
  std::string log_;
  Notices notices_;
  ChildProcess child_;
};

}  // namespace rxf::test
