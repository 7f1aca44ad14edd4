// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/rates.h"

#include <algorithm>

namespace rxf::cli {

namespace {

using mirror::Counters;
using mirror::LowerdevStatus;
using mirror::UpperStatus;

std::uint64_t dropped(const Counters& counters, Verdict reason) {
  const auto found = counters.dropped.find(reason);
  return found == counters.dropped.end() ? 0 : found->second.packets;
}

bool began_anew(const Counters& before, const Counters& now) {
  return now.admitted.packets < before.admitted.packets ||
         std::any_of(now.dropped.begin(), now.dropped.end(),
                     [&](const auto& entry) { return entry.second.packets < dropped(before, entry.first); });
}

double per_second(std::uint64_t before, std::uint64_t now, double seconds) {
  return static_cast<double>(now - before) / seconds;
}

CounterRates between(const Counters& earlier, const Counters& now, double seconds) {
  const Counters before = began_anew(earlier, now) ? Counters{} : earlier;
  CounterRates rates{.admitted = per_second(before.admitted.packets, now.admitted.packets, seconds)};
  for (const auto& [reason, count] : now.dropped)
    rates.dropped[reason] = per_second(dropped(before, reason), count.packets, seconds);
  return rates;
}

Counters counters_of(const LowerdevStatus& status, std::uint32_t ifindex) {
  const auto found = std::ranges::find(status.uppers, ifindex, &UpperStatus::ifindex);
  return found == status.uppers.end() ? Counters{} : found->counters.value_or(Counters{});
}

}  // namespace

double CounterRates::dropped_for(Verdict reason) const {
  const auto found = dropped.find(reason);
  return found == dropped.end() ? 0 : found->second;
}

CounterRates StatusRates::guard_of(std::uint32_t ifindex) const {
  const auto found = guards.find(ifindex);
  return found == guards.end() ? CounterRates{} : found->second;
}

StatusRates rates_between(const LowerdevStatus& before, const LowerdevStatus& now, double seconds) {
  StatusRates rates{.early = between(before.early_counters, now.early_counters, seconds), .guards = {}};
  for (const UpperStatus& upper : now.uppers)
    if (upper.counters)
      rates.guards[upper.ifindex] = between(counters_of(before, upper.ifindex), *upper.counters, seconds);
  return rates;
}

}  // namespace rxf::cli
