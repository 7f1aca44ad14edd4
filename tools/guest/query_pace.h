// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <functional>

#include "tools/guest/timer.h"
#include "tools/guest/token_bucket.h"

namespace rxf::guest {

// When QEMU is asked for the state of a NIC: a moment after something has changed, because one change of a guest is
// several commands, and not more often than is allowed. Until it is asked QEMU keeps still, so a guest that changes
// faster is asked for what it has come to meanwhile.
class QueryPace {
 public:
  static constexpr std::chrono::milliseconds kPause{2};

  // `ask` returns whether it could be asked; where it could not, answered() or want() comes later.
  QueryPace(sd_event* loop, unsigned a_second, std::function<bool()> ask);

  // There may be something new.
  void want();
  // An answer came: where something was new meanwhile, it is asked again.
  void answered();
  // There is nobody to be asked.
  void forget();

  // How often it was put off because of the limit.
  [[nodiscard]] std::uint64_t delayed() const { return delayed_; }

 private:
  void go();

  std::function<bool()> ask_;
  TokenBucket tokens_;
  bool wanted_ = false;
  bool put_off_ = false;
  std::uint64_t delayed_ = 0;
  Timer timer_;
};

}  // namespace rxf::guest
