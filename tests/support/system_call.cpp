// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/system_call.h"

#include <cerrno>
#include <system_error>

namespace rxf::test {

int checked(int result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

Fd checked_fd(int result, const std::string& what) { return Fd(checked(result, what)); }

}  // namespace rxf::test
