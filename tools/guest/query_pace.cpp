// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/query_pace.h"

namespace rxf::guest {

using Clock = TokenBucket::Clock;

QueryPace::QueryPace(sd_event* loop, unsigned a_second, std::function<bool()> ask)
    : ask_(std::move(ask)), tokens_(a_second, 2.0 * a_second, Clock::now()), timer_(loop, [this] { go(); }) {}

void QueryPace::want() {
  wanted_ = true;
  timer_.start_unless_running(kPause);
}

void QueryPace::answered() {
  if (wanted_) timer_.start_unless_running(kPause);
}

void QueryPace::forget() {
  wanted_ = false;
  put_off_ = false;
  timer_.stop();
}

void QueryPace::go() {
  if (!wanted_) return;
  const auto now = Clock::now();
  if (const auto wait = tokens_.wait(now); wait.count() > 0) {
    if (!put_off_) ++delayed_;
    put_off_ = true;
    return timer_.start(wait);
  }
  put_off_ = false;
  wanted_ = false;
  if (ask_())
    tokens_.spend(1, now);
  else
    wanted_ = true;
}

}  // namespace rxf::guest
