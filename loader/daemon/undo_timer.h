// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "loader/daemon/event_loop.h"
#include "loader/model/result.h"

namespace rxf::daemon {

// Tells when the time is over in which an attach was to be confirmed (`attach --confirm`), of several lower devices.
class UndoTimer {
 public:
  // `due` is called in the loop, once for each device and deadline.
  using Due = std::function<void(std::uint32_t lower, std::uint64_t confirm_by)>;
  static Result<std::unique_ptr<UndoTimer>> create(sd_event* loop, Due due);
  UndoTimer(const UndoTimer&) = delete;
  UndoTimer& operator=(const UndoTimer&) = delete;
  ~UndoTimer() = default;

  // The deadlines there are now, by the ifindex of the lower device, in mirror::boot_now(). A new one that has passed
  // is due at once.
  void await(const std::map<std::uint32_t, std::uint64_t>& deadlines);
  // The same for one device; 0: it has none.
  void await(std::uint32_t lower, std::uint64_t deadline);
  // Has it called again, if await() is told of the same deadline again.
  void try_again(std::uint32_t lower) { told_.erase(lower); }

 private:
  explicit UndoTimer(Due due) : due_(std::move(due)) {}
  void ring();
  void start();
  static int on_time(sd_event_source* source, std::uint64_t time, void* self);

  Due due_;
  SourcePtr timer_;
  std::map<std::uint32_t, std::uint64_t> awaited_;
  std::map<std::uint32_t, std::uint64_t> told_;
};

}  // namespace rxf::daemon
