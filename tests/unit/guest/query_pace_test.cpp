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

  // Also where this process is held up meanwhile.
  void run() {
    constexpr int kTurns = 30;
    for (int turn = 0; turn < kTurns; ++turn) sd_event_run(loop_.get(), 1'000);
  }

  daemon::LoopPtr loop_;
  int asked_ = 0;
  bool possible_ = true;
};

TEST_F(QueryPaceTest, WhatComesTogetherIsOneQuestion) {
  QueryPace pace(loop_.get(), 1000, [this] { return ++asked_, true; });
  for (int i = 0; i < 5; ++i) pace.want();
  EXPECT_EQ(asked_, 0) << "not at once";
  run();
  EXPECT_EQ(asked_, 1);
  pace.answered();
  run();
  EXPECT_EQ(asked_, 1) << "nothing is new";
}

TEST_F(QueryPaceTest, NotMoreThanIsAllowed) {
  QueryPace pace(loop_.get(), 10, [this] { return ++asked_, true; });
  const auto begun = Clock::now();
  while (pace.delayed() < 5) {
    pace.want();
    sd_event_run(loop_.get(), 1'000);
  }
  const int later = static_cast<int>(std::chrono::duration<double>(Clock::now() - begun).count() * 10) + 1;
  EXPECT_LE(asked_, 20 + later);
  EXPECT_GE(asked_, 20) << "a burst is";
  EXPECT_LE(pace.delayed(), static_cast<unsigned>(later)) << "one that waits is counted once";
}

TEST_F(QueryPaceTest, WhileItCannotBeAskedItIsRemembered) {
  QueryPace pace(loop_.get(), 1000, [this] { return possible_ && ++asked_ > 0; });
  possible_ = false;
  pace.want();
  run();
  EXPECT_EQ(asked_, 0);
  possible_ = true;
  pace.answered();
  run();
  EXPECT_EQ(asked_, 1);
}

TEST_F(QueryPaceTest, WhoIsGoneIsNotAsked) {
  QueryPace pace(loop_.get(), 1000, [this] { return ++asked_, true; });
  pace.want();
  pace.forget();
  pace.answered();
  run();
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace rxf::guest
