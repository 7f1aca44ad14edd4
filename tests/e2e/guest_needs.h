// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace rxf::test {

// Why the tests of this ring cannot run here, in one sentence; empty where they can.
std::string why_no_e2e_tests();

}  // namespace rxf::test
