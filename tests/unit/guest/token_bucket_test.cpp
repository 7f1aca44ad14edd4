// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/token_bucket.h"

#include <gtest/gtest.h>

namespace rxf::guest {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const TokenBucket::Clock::time_point kStart{seconds(1000)};
constexpr microseconds kNone{0};

// As many as can be had at `now`.
int taken(TokenBucket& bucket, TokenBucket::Clock::time_point now) {
  int count = 0;
  for (; bucket.wait(now) == kNone; ++count) bucket.spend(1, now);
  return count;
}

TEST(TokenBucket, AFullOneIsABurst) {
  TokenBucket bucket(10, 20, kStart);
  EXPECT_EQ(taken(bucket, kStart), 20);
  EXPECT_EQ(bucket.wait(kStart), milliseconds(100));
}

TEST(TokenBucket, FillsWithTimeAndNoFurtherThanFull) {
  TokenBucket bucket(10, 20, kStart);
  taken(bucket, kStart);
  EXPECT_EQ(taken(bucket, kStart + milliseconds(99)), 0);
  EXPECT_EQ(taken(bucket, kStart + milliseconds(501)), 5);
  EXPECT_EQ(taken(bucket, kStart + seconds(3600)), 20);
}

TEST(TokenBucket, WhatIsOwedIsWaitedFor) {
  TokenBucket bucket(1000, 1000, kStart);
  bucket.spend(2999, kStart);
  EXPECT_EQ(bucket.wait(kStart), seconds(2));
  EXPECT_EQ(bucket.wait(kStart + seconds(2) - microseconds(1)), microseconds(1));
  EXPECT_EQ(bucket.wait(kStart + seconds(2) + microseconds(1)), kNone);
}

TEST(TokenBucket, AfterTheWaitThereIsOne) {
  TokenBucket bucket(3, 6, kStart);
  auto now = kStart;
  for (int i = 0; i < 1000; ++i) {
    now += bucket.wait(now);
    EXPECT_LE(bucket.wait(now), microseconds(1));
    bucket.spend(1, now);
  }
  const auto time = std::chrono::duration<double>(now - kStart).count();
  EXPECT_NEAR(time, (1000 - 6) / 3.0, 0.1);
}

}  // namespace
}  // namespace rxf::guest
