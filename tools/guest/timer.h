// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <functional>

#include "loader/daemon/event_loop.h"

namespace rxf::guest {

// Calls once, after a while, from the event loop. std::bad_alloc where the loop cannot take one more.
class Timer {
 public:
  // `loop` outlives it. `due` may start it again.
  Timer(sd_event* loop, std::function<void()> due);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Anew where it runs already.
  void start(std::chrono::microseconds after);
  void start_unless_running(std::chrono::microseconds after);
  void stop();
  [[nodiscard]] bool running() const;

 private:
  static int on_time(sd_event_source* source, std::uint64_t now, void* self);

  std::function<void()> due_;
  daemon::SourcePtr source_;
};

}  // namespace rxf::guest
