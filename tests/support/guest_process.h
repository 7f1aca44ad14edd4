// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/notices.h"
#include "tools/guest/guest_report.h"

namespace rxf::test {

// A `rxfilter-guest run` in the calling thread's namespaces, which tells us its state as it would tell systemd
// (sd_notify(3)). Killed where it still runs at the end.
class GuestProcess {
 public:
  struct Options {
    std::vector<std::string> arguments;  // of `run`: files, flags
    std::vector<std::string> launcher;   // a program, by path, that ends by executing the rest of its arguments
    std::vector<std::string> environment;
  };

  // Its reports go to `directory`/guests, and its standard error to `directory`/guest-log; `api` is the daemon's
  // socket. Does not wait for it.
  GuestProcess(const std::string& api, const std::string& directory, const Options& options);

  static std::string binary();

  // As Notices has it.
  bool wait_for(const std::string& line, std::chrono::milliseconds patience = std::chrono::seconds(60)) {
    return notices_.wait_for(line, patience);
  }
  void read_notified() { (void)notices_.all(); }
  void forget_notified() { notices_.forget(); }

  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  void signal(int number) const { child_.signal(number); }
  void kill() { child_.kill(); }
  int wait() { return child_.wait(); }

  // What `status` would show of that upper; nullopt where there is no report.
  [[nodiscard]] std::optional<guest::GuestReport> report(const std::string& upper) const;
  // What it has written to its standard error so far, and those before it in that directory.
  [[nodiscard]] std::string log() const;
  // How many lines of it have all of these.
  [[nodiscard]] int logged(const std::vector<std::string>& parts) const;

 private:
  std::string directory_;
  Notices notices_;
  ChildProcess child_;
};

}  // namespace rxf::test
