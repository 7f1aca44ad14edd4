// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/vm_kernel/kernel_log.h"

namespace rxf::test {

// Fails each test during which the kernel's log told of a bug.
class LogWatch : public testing::EmptyTestEventListener {
 public:
  // What has been logged until now belongs to no test.
  LogWatch() : before_(log_.read()) {}

  [[nodiscard]] const std::vector<std::string>& before_the_first_test() const { return before_; }

  // What the watch would look through after the running test; now it will not.
  std::vector<std::string> take() { return log_.read(); }

 private:
  void OnTestEnd(const testing::TestInfo& test) override;

  KernelLog log_;
  std::vector<std::string> before_;
};

// The one that main() appends to GoogleTest's listeners, which own it.
LogWatch& log_watch();

}  // namespace rxf::test
