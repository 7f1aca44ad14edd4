// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/said_once.h"

#include <gtest/gtest.h>

#include "tools/guest/problem.h"

namespace rxf::guest {
namespace {

TEST(SaidOnce, EachTextIsNewOnce) {
  SaidOnce said;
  EXPECT_TRUE(said.is_new("a"));
  EXPECT_TRUE(said.is_new("b"));
  EXPECT_FALSE(said.is_new("a"));
}

TEST(SaidOnce, WhoAlwaysSaysSomethingElseIsHeardSoOftenAndNoMore) {
  SaidOnce said;
  std::size_t heard = 0;
  for (int i = 0; i < 10'000; ++i)
    if (said.is_new(std::to_string(i))) ++heard;
  EXPECT_EQ(heard, SaidOnce::kMost);
  EXPECT_TRUE(said.full());
  EXPECT_FALSE(said.is_new("0"));
}

TEST(Problem, BeginsAndEndsOnce) {
  Problem problem;
  EXPECT_FALSE(problem.ends());
  EXPECT_TRUE(problem.begins("first"));
  EXPECT_FALSE(problem.begins("second"));
  EXPECT_EQ(problem.why(), "second");
  EXPECT_TRUE(static_cast<bool>(problem));
  EXPECT_TRUE(problem.ends());
  EXPECT_EQ(problem.why(), "");
  EXPECT_TRUE(problem.begins("third"));
}

}  // namespace
}  // namespace rxf::guest
