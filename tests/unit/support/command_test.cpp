// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/command.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace rxf::test {
namespace {

TEST(CommandTest, ReportsStatusAndBothStreams) {
  const CommandResult result = run("echo to-out; echo to-err >&2; exit 3");
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.out, "to-out\n");
  EXPECT_EQ(result.err, "to-err\n");
  EXPECT_EQ(run("kill -KILL $$").status, 128 + 9);
}

TEST(CommandTest, ReadsBothStreamsWhateverTheirSize) {
  const CommandResult result = run("head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero; cat");
  EXPECT_EQ(result.out.size(), 1000000u);
  EXPECT_EQ(result.err.size(), 1000000u);
}

TEST(CommandTest, MustRunThrowsWithCommandAndStandardError) {
  EXPECT_EQ(must_run("echo fine"), "fine\n");
  try {
    must_run("echo because >&2; false");
    FAIL() << "nothing thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "`echo because >&2; false` ended with 1: because\n");
  }
}

}  // namespace
}  // namespace rxf::test
