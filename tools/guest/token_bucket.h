// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <algorithm>
#include <chrono>

namespace rxf::guest {

// So many a second and not more, but what was not used before may be made up for at once. Full at first.
class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  TokenBucket(double a_second, double size, Clock::time_point now)
      : a_second_(a_second), size_(size), tokens_(size), filled_(now) {}

  // Takes `tokens` of them whether they are there or not: what is lacking is waited for the next time.
  void spend(double tokens, Clock::time_point now) {
    fill(now);
    tokens_ -= tokens;
  }

  // Until there is one; zero where there is.
  [[nodiscard]] std::chrono::microseconds wait(Clock::time_point now) {
    fill(now);
    if (tokens_ >= 1) return std::chrono::microseconds(0);
    return std::chrono::ceil<std::chrono::microseconds>(std::chrono::duration<double>((1 - tokens_) / a_second_));
  }

 private:
  void fill(Clock::time_point now) {
    tokens_ = std::min(size_, tokens_ + a_second_ * std::chrono::duration<double>(now - filled_).count());
    filled_ = now;
  }

  double a_second_;
  double size_;
  double tokens_;
  Clock::time_point filled_;
};

}  // namespace rxf::guest
