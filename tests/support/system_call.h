// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "loader/util/fd.h"

namespace rxf::test {

// Each throws std::system_error with errno and "what" where `result` is negative.
int checked(int result, const std::string& what);
Fd checked_fd(int result, const std::string& what);

}  // namespace rxf::test
