// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/log_watch.h"

namespace rxf::test {

void LogWatch::OnTestEnd(const testing::TestInfo& test) {
  const std::string splat = splat_in(log_.read());
  if (!splat.empty()) ADD_FAILURE() << "in the kernel's log during " << test.name() << ":\n" << splat;
}

LogWatch& log_watch() {
  static auto* const watch = new LogWatch;
  return *watch;
}

}  // namespace rxf::test
