// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/undo_timer.h"

#include <algorithm>
#include <ctime>
#include <ranges>

#include "loader/mirror/operations.h"

namespace rxf::daemon {
namespace {

constexpr std::uint64_t kNanosecondsPerMicrosecond = 1'000;
constexpr std::uint64_t kAccuracy = 1'000;  // microseconds

}  // namespace

Result<std::unique_ptr<UndoTimer>> UndoTimer::create(sd_event* loop, Due due) {
  std::unique_ptr<UndoTimer> timer(new UndoTimer(std::move(due)));
  sd_event_source* source = nullptr;
  const int added = sd_event_add_time_relative(loop, &source, CLOCK_BOOTTIME, 0, kAccuracy, on_time, timer.get());
  if (added < 0) return system_error(added, "event loop");
  timer->timer_.reset(source);
  sd_event_source_set_enabled(source, SD_EVENT_OFF);
  return timer;
}

void UndoTimer::await(const std::map<std::uint32_t, std::uint64_t>& deadlines) {
  awaited_.clear();
  std::erase_if(told_, [&](const auto& device) { return !deadlines.contains(device.first); });
  for (const auto& [lower, deadline] : deadlines) await(lower, deadline);
  start();
}

void UndoTimer::await(std::uint32_t lower, std::uint64_t deadline) {
  awaited_.erase(lower);
  const auto told = told_.find(lower);
  if (deadline != 0 && (told == told_.end() || told->second != deadline)) awaited_[lower] = deadline;
  start();
}

// Relative to now: the programs' clock may be another one than this time namespace's.
void UndoTimer::start() {
  sd_event_source_set_enabled(timer_.get(), awaited_.empty() ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
  if (awaited_.empty()) return;
  const std::uint64_t next = std::ranges::min(awaited_ | std::views::values);
  const std::uint64_t now = mirror::boot_now();
  const std::uint64_t left = next > now ? (next - now) / kNanosecondsPerMicrosecond + 1 : 0;
  sd_event_source_set_time_relative(timer_.get(), left);
}

void UndoTimer::ring() {
  const std::uint64_t now = mirror::boot_now();
  for (const auto& [lower, deadline] : std::map(awaited_)) {
    if (deadline > now) continue;
    awaited_.erase(lower);
    told_[lower] = deadline;
    due_(lower, deadline);
  }
  start();
}

int UndoTimer::on_time(sd_event_source* /*source*/, std::uint64_t /*time*/, void* self) {
  static_cast<UndoTimer*>(self)->ring();
  return 0;
}

}  // namespace rxf::daemon
