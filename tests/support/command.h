// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace rxf::test {

struct CommandResult {
  int status = 0;  // exit status, or 128 + the signal that ended it
  std::string out;
  std::string err;
};

// Runs `/bin/sh -c shell_command` in the calling thread's namespaces, with an empty standard input. Returns when it has
// ended and both its streams are closed: a background child must have its output sent elsewhere, else it is waited for.
// Throws std::system_error where the shell cannot be started.
CommandResult run(const std::string& shell_command);

// Standard output. Throws std::runtime_error with the command and its standard error where the status is not 0.
std::string must_run(const std::string& shell_command);

}  // namespace rxf::test
