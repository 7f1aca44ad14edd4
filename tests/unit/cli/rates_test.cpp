// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/rates.h"

#include <gtest/gtest.h>

#include "loader/cli/render.h"

namespace rxf::cli {
namespace {

using mirror::Counters;
using mirror::LowerdevStatus;
using mirror::UpperStatus;

LowerdevStatus status(std::uint64_t early, std::uint64_t admitted, std::uint64_t dropped) {
  return {
      .device = "veth0",
      .ifindex = 4,
      .reason = "veth",
      .pin_directory = "/p",
      .early_counters = {.dropped = {{Verdict::vlan, {.packets = early, .bytes = 60 * early}}}},
      .uppers = {
          UpperStatus{.name = "macvtap0",
                      .ifindex = 9,
                      .filter = {.vlans = VlanSet{}},
                      .guard = true,
                      .counters = Counters{.admitted = {.packets = admitted},
                                           .dropped = {{Verdict::unicast, {.packets = dropped}}, {Verdict::vlan, {}}}}},
          UpperStatus{.name = "macvlan1", .ifindex = 10}}};
}

TEST(Rates, AreOfTheTimeBetween) {
  const StatusRates rates = rates_between(status(10, 100, 7), status(15, 1100, 8), 2);
  EXPECT_EQ(rates.early.dropped_for(Verdict::vlan), 2.5);
  EXPECT_EQ(rates.early.dropped_for(Verdict::unicast), 0);
  EXPECT_EQ(rates.guard_of(9).admitted, 500);
  EXPECT_EQ(rates.guard_of(9).dropped_for(Verdict::unicast), 0.5);
  EXPECT_FALSE(rates.guards.contains(10)) << "it is not counted";
  EXPECT_EQ(rates.guard_of(10).admitted, 0);
}

TEST(Rates, CountersThatBeganAnewCountFromZero) {
  const StatusRates again = rates_between(status(10, 100, 7), status(4, 50, 9), 1);
  EXPECT_EQ(again.early.dropped_for(Verdict::vlan), 4);
  EXPECT_EQ(again.guard_of(9).admitted, 50);
  EXPECT_EQ(again.guard_of(9).dropped_for(Verdict::unicast), 9) << "all of a guard's counters begin together";
  LowerdevStatus without = status(10, 100, 7);
  without.uppers.clear();
  EXPECT_EQ(rates_between(without, status(10, 100, 7), 1).guard_of(9).admitted, 100);
}

TEST(Rates, AreShownBehindTheirCounters) {
  const StatusRates rates = rates_between(status(10, 100, 7), status(15, 1100, 8), 2);
  EXPECT_EQ(status_text(status(15, 1100, 8), &rates),
            "veth0: veth -> early drop: none\n"
            "  macvtap0  bridge  guard  any address  vlans none\n"
            "    admitted 1100 packets (0 B) 500/s; dropped unicast 8 packets (0 B) 0.5/s\n"
            "  macvlan1  bridge  unfiltered\n"
            "  early drop: dropped vlan 15 packets (900 B) 2.5/s\n"
            "  pinned at /p\n");
}

TEST(Rates, AreInTheJson) {
  const LowerdevStatus now = status(15, 1100, 8);
  const StatusRates rates = rates_between(status(10, 100, 7), now, 2);
  const Json counters = to_watched_json(now, &rates)["counters"];
  EXPECT_EQ(counters["early"]["dropped"]["vlan"].dump(), R"({"packets":15,"bytes":900,"packets_per_second":2.5})");
  EXPECT_EQ(counters["early"]["dropped"]["unicast"].dump(), R"({"packets":0,"bytes":0,"packets_per_second":0.0})");
  EXPECT_EQ(counters["guard"]["macvtap0"]["admitted"]["packets_per_second"], 500);
  EXPECT_EQ(counters["guard"]["macvtap0"]["dropped"]["unicast"]["packets_per_second"], 0.5);
  EXPECT_FALSE(counters["guard"].contains("macvlan1"));
  const Json first = to_watched_json(now, nullptr)["counters"];
  EXPECT_TRUE(first["early"]["dropped"]["vlan"]["packets_per_second"].is_null());
  EXPECT_TRUE(first["guard"]["macvtap0"]["admitted"]["packets_per_second"].is_null());
}

}  // namespace
}  // namespace rxf::cli
