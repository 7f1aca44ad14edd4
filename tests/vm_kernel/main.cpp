// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "tests/vm_kernel/log_watch.h"
#include "tests/vm_kernel/planted.h"

// Suites run in the order in which they are registered: what InitGoogleTest() knows of, then the last ones.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  rxf::test::register_last_checks();
  rxf::test::register_planted_bugs();
  testing::UnitTest::GetInstance()->listeners().Append(&rxf::test::log_watch());
  return RUN_ALL_TESTS();
}
