// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>

#include "loader/mirror/operations.h"

namespace rxf::cli {

// Packets a second.
struct CounterRates {
  double admitted = 0;
  std::map<Verdict, double> dropped;  // what was not counted is absent

  [[nodiscard]] double dropped_for(Verdict reason) const;
};

// How fast a device's counters went between two looks.
struct StatusRates {
  CounterRates early;
  std::map<std::uint32_t, CounterRates> guards;  // by ifindex of the upper

  // Of an upper that is not counted: zeros.
  [[nodiscard]] CounterRates guard_of(std::uint32_t ifindex) const;
};

// `seconds` between the two, more than 0. Counters that began anew meanwhile, as those of a new upper, count from 0.
[[nodiscard]] StatusRates rates_between(const mirror::LowerdevStatus& before, const mirror::LowerdevStatus& now,
                                        double seconds);

}  // namespace rxf::cli
