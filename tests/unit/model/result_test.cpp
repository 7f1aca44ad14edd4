// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <climits>

namespace rxf {
namespace {

TEST(Result, SystemErrorTakesEitherSign) {
  const Error expected = {.text = "open eth2: No such device", .code = ENODEV, .exit = Exit::refused};
  EXPECT_EQ(system_error(ENODEV, "open eth2").error(), expected);
  EXPECT_EQ(system_error(-ENODEV, "open eth2").error(), expected);
}

TEST(Result, SystemErrorTakesAnyNumber) { EXPECT_EQ(system_error(INT_MIN, "reply").error().exit, Exit::refused); }

TEST(Result, UsageErrorHasNoCode) {
  const Error expected = {.text = "no such verb", .code = 0, .exit = Exit::usage};
  EXPECT_EQ(usage_error("no such verb").error(), expected);
}

TEST(Result, WrapKeepsCodeAndExit) {
  const Error inner = {.text = "set link: busy", .code = EBUSY, .exit = Exit::timeout};
  const Error expected = {.text = "attach eth0: set link: busy", .code = EBUSY, .exit = Exit::timeout};
  EXPECT_EQ(wrap(inner, "attach eth0").error(), expected);
}

}  // namespace
}  // namespace rxf
