// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "loader/util/fd.h"

namespace rxf::test {

// What a program tells of its state as it would tell systemd (sd_notify(3)). Throws std::system_error.
class Notices {
 public:
  // Bound at that path; the one of a program before goes: it speaks to nobody any more.
  explicit Notices(const std::string& path);

  // Until a line of a notification that is not yet taken is or begins with this; it, and what came before it, are then
  // taken. False where it does not come in time.
  bool wait_for(const std::string& line, std::chrono::milliseconds patience);

  // Lines of notifications that came and were not taken.
  const std::vector<std::string>& all();
  void forget();

  // For the program's environment.
  [[nodiscard]] std::string variable() const { return "NOTIFY_SOCKET=" + path_; }

 private:
  bool take(int timeout_ms);

  std::string path_;
  Fd socket_;
  std::vector<std::string> lines_;
};

}  // namespace rxf::test
