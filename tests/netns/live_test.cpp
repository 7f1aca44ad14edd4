// SPDX-License-Identifier: GPL-2.0-only
// Filter sets are replaced while frames flow: what all of them want arrives, every frame of it, and what none of them
// wants never does.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/live_traffic.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using mirror::AttachMode;

constexpr MacAddress kUnicast = LiveTraffic::kUnicast;
constexpr MacAddress kGroup = LiveTraffic::kGroup;
constexpr std::uint16_t kVlan = LiveTraffic::kVlan;

// Each differs from the next in its other addresses, its other VLAN and its flags.
FilterSet variant(int number) {
  const auto low = static_cast<std::uint8_t>(number % 7);
  FilterSet filter;
  filter.addresses = AddressFilter{
      .flags = {.broadcast = number % 2 == 0, .multicast = true}, .unicast = {kUnicast}, .multicast = {kGroup}};
  for (std::uint8_t i = 0; i < 1 + number % 5; ++i) {
    filter.addresses->unicast.insert({{0x02, 0xdd, low, 0, 0, i}});
    filter.addresses->multicast.insert({{0x01, 0x00, 0x5e, low, 0, i}});
  }
  filter.vlans.emplace();
  filter.vlans->insert(kVlan);
  filter.vlans->insert(static_cast<std::uint16_t>(100 + number % 11));
  return filter;
}

int replacements() {
  const char* text = std::getenv("RXF_LIVE_REPLACEMENTS");
  return text == nullptr ? 2000 : std::atoi(text);
}

class LiveTest : public testing::TestWithParam<AttachMode> {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
  }
};

TEST_P(LiveTest, ReplacingTheFilterSetLosesAndLeaksNothing) {
  const Topology topology(Uppers::passthru);
  const ScratchBpffs bpffs;
  const mirror::Context context{.bpffs = bpffs.path()};
  must_run("ip link set upper txqueuelen 4096");
  const auto attached = mirror::attach(context, "lower", {.mode = GetParam()});
  ASSERT_TRUE(attached) << attached.error().text;
  const auto first = mirror::set(context, "upper", {.whole = variant(0)});
  ASSERT_TRUE(first) << first.error().text;

  LiveTraffic traffic;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 1; i <= replacements(); ++i) {
    const auto done = mirror::set(context, "upper", {.whole = variant(i)});
    ASSERT_TRUE(done) << done.error().text;
    ASSERT_TRUE(done->report.changed);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  traffic.stop();
  std::cout << "  " << replacements() << " replacements in " << took.count() << " s\n";
  traffic.expect_all_of_the_wanted();
  traffic.expect_none_of_the_unwanted();

  const auto detached = mirror::detach(context, "lower");
  ASSERT_TRUE(detached) << detached.error().text;
}

std::string mode_name(const testing::TestParamInfo<AttachMode>& mode) {
  return mode.param == AttachMode::tc ? "Tc" : "Native";
}

INSTANTIATE_TEST_SUITE_P(Modes, LiveTest, testing::Values(AttachMode::tc, AttachMode::native), mode_name);

}  // namespace
}  // namespace rxf::test
