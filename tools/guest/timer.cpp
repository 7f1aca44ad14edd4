// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/timer.h"

#include <ctime>
#include <new>

namespace rxf::guest {
namespace {

// The kernel may wake us this much later, together with others: a tenth of the time, and at most a second.
std::uint64_t accuracy(std::uint64_t after) { return std::min<std::uint64_t>(after / 10 + 1, 1'000'000); }

}  // namespace

Timer::Timer(sd_event* loop, std::function<void()> due) : due_(std::move(due)) {
  sd_event_source* source = nullptr;
  if (sd_event_add_time_relative(loop, &source, CLOCK_MONOTONIC, 0, 1, on_time, this) < 0) throw std::bad_alloc();
  source_.reset(source);
  stop();
}

void Timer::start(std::chrono::microseconds after) {
  const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(after.count(), 0));
  sd_event_source_set_time_relative(source_.get(), time);
  sd_event_source_set_time_accuracy(source_.get(), accuracy(time));
  sd_event_source_set_enabled(source_.get(), SD_EVENT_ONESHOT);
}

void Timer::start_unless_running(std::chrono::microseconds after) {
  if (!running()) start(after);
}

void Timer::stop() { sd_event_source_set_enabled(source_.get(), SD_EVENT_OFF); }

bool Timer::running() const { return sd_event_source_get_enabled(source_.get(), nullptr) > 0; }

int Timer::on_time(sd_event_source* /*source*/, std::uint64_t /*now*/, void* self) {
  static_cast<Timer*>(self)->due_();
  return 0;
}

}  // namespace rxf::guest
