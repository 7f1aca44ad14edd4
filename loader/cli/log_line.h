// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "loader/cli/text.h"

namespace rxf::cli {

// One line on the standard error of a daemon. The journal takes the priority (LOG_* of syslog(3)) from its start.
[[nodiscard]] inline std::string log_line(int priority, const std::string& program, std::string_view sentence) {
  const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  return (journal ? "<" + std::to_string(priority) + ">" : program + ": ") + printable(sentence);
}

}  // namespace rxf::cli
