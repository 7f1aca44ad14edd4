// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "tests/support/command.h"

namespace rxf::test {

// The rxfilter-loader of this build, with its pins under one bpffs. It works in the calling thread's network namespace.
class LoaderCommand {
 public:
  explicit LoaderCommand(std::string bpffs) : bpffs_(std::move(bpffs)) {}

  // `arguments` as typed in a shell.
  [[nodiscard]] CommandResult run(const std::string& arguments) const;

  // Standard output. Throws std::runtime_error with what it said where the status is not 0.
  std::string must(const std::string& arguments) const;

  // One whole command, for ChildProcess.
  [[nodiscard]] std::vector<std::string> argv(const std::vector<std::string>& arguments) const;

  [[nodiscard]] const std::string& bpffs() const { return bpffs_; }
  static std::string binary();

 private:
  [[nodiscard]] std::string line(const std::string& arguments) const;

  std::string bpffs_;
};

}  // namespace rxf::test
