// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/query_pace.h"

#include <gtest/gtest.h>

#include "loader/daemon/event_loop.h"

namespace rxf::guest {
namespace {

using Clock = std::chrono::steady_clock;

class QueryPaceTest : public testing::Test {
 protected:
  void SetUp() override {
    sd_event* loop = nullptr;
    ASSERT_GE(sd_event_new(&loop), 0);
    loop_.reset(loop);
  }

  void run(std::chrono::milliseconds time) {
    for (const auto end = Clock::now() + time; Clock::now() < end;) sd_event_run(loop_.get(), 1'000);
  }

  daemon::LoopPtr loop_;
  int asked_ = 0;
  bool possible_ = true;
};

TEST_F(QueryPaceTest, WhatComesTogetherIsOneQuestion) {
  QueryPace pace(loop_.get(), 1000, [this] { return ++asked_, true; });
  for (int i = 0; i < 5; ++i) pace.want();
  EXPECT_EQ(asked_, 0) << "not at once";
  run(std::chrono::milliseconds(30));
  EXPECT_EQ(asked_, 1);
  pace.answered();
  run(std::chrono::milliseconds(30));
  EXPECT_EQ(asked_, 1) << "nothing is new";
}

TEST_F(QueryPaceTest, NotMoreThanIsAllowed) {
  QueryPace pace(loop_.get(), 10, [this] { return ++asked_, true; });
  for (const auto end = Clock::now() + std::chrono::milliseconds(500); Clock::now() < end;) {
    pace.want();
    sd_event_run(loop_.get(), 1'000);
  }
  EXPECT_LE(asked_, 20 + 6);
  EXPECT_GE(asked_, 20) << "a burst is";
  EXPECT_GT(pace.delayed(), 0U);
  EXPECT_LE(pace.delayed(), 7U) << "one that waits is counted once";
}

TEST_F(QueryPaceTest, WhileItCannotBeAskedItIsRemembered) {
  QueryPace pace(loop_.get(), 1000, [this] { return possible_ && ++asked_ > 0; });
  possible_ = false;
  pace.want();
  run(std::chrono::milliseconds(30));
  EXPECT_EQ(asked_, 0);
  possible_ = true;
  pace.answered();
  run(std::chrono::milliseconds(30));
  EXPECT_EQ(asked_, 1);
}

TEST_F(QueryPaceTest, WhoIsGoneIsNotAsked) {
  QueryPace pace(loop_.get(), 1000, [this] { return ++asked_, true; });
  pace.want();
  pace.forget();
  pace.answered();
  run(std::chrono::milliseconds(30));
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace rxf::guest
