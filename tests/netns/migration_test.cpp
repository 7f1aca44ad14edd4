// SPDX-License-Identifier: GPL-2.0-only
// A device that version 1 of the maps and programs was attached to is taken over by `attach`, and by `detach`, while
// frames flow; everything else says what to do.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <thread>

#include "loader/mirror/operations.h"
#include "tests/support/child_process.h"
#include "tests/support/command.h"
#include "tests/support/enforcement.h"
#include "tests/support/host_state.h"
#include "tests/support/layout_1.h"
#include "tests/support/live_traffic.h"
#include "tests/support/loader_command.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kKills = 10;

FilterSet wanted() {
  FilterSet filter;
  filter.addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true},
                                   .unicast = {LiveTraffic::kUnicast, {{0x02, 0xbb, 0, 0, 0, 2}}},
                                   .multicast = {LiveTraffic::kGroup}};
  filter.vlans.emplace();
  filter.vlans->insert(LiveTraffic::kVlan);
  filter.vlans->insert(100);
  return filter;
}

class MigrationTest : public testing::TestWithParam<Layout1Early> {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
    bpffs_.emplace();
    loader_.emplace(bpffs_->path());
    make();
  }

  void make() {
    topology_.reset();
    topology_.emplace(Uppers::passthru);
    must_run("ip link set upper txqueuelen 4096 && ethtool -K lower gro on");
    unattached_ = state();
    old_ = attach_layout_1(bpffs_->path(), GetParam(), wanted());
  }

  std::string state() { return host_state(bpffs_->path()); }

  FilterSet current() {
    const auto filter = mirror::get({.bpffs = bpffs_->path()}, "upper");
    EXPECT_TRUE(filter) << filter.error().text;
    return filter.value_or(FilterSet{});
  }

  void expect_taken_over() {
    EXPECT_EQ(current(), wanted());
    EXPECT_EQ(enforcement_problems(bpffs_->path(), "lower"), std::vector<std::string>{});
    EXPECT_TRUE(old_.programs_are_gone());
    EXPECT_TRUE(old_.maps_are_gone());
    for (const auto& entry : std::filesystem::directory_iterator(old_.pin_directory))
      EXPECT_FALSE(entry.path().string().contains("%next")) << entry.path();
    EXPECT_EQ(loader_->must("attach lower"), "lower: already attached\n");
    EXPECT_FALSE(loader_->must("status lower").contains("  ! ")) << loader_->must("status lower");
  }

  std::optional<ScratchBpffs> bpffs_;
  std::optional<LoaderCommand> loader_;
  std::optional<Topology> topology_;
  std::string unattached_;
  Layout1 old_;
};

TEST_P(MigrationTest, AttachTakesOverUnderTraffic) {
  LiveTraffic traffic;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const CommandResult result = loader_->run("attach lower");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.err.contains("lower was attached by an earlier version of rxfilter: upgraded")) << result.err;
  EXPECT_NE(result.out, "lower: already attached\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  traffic.stop();
  traffic.expect_all_of_the_wanted();
  traffic.expect_none_of_the_unwanted();
  expect_taken_over();
  loader_->must("set upper --vlan +200");
  EXPECT_EQ(enforcement_problems(bpffs_->path(), "lower"), std::vector<std::string>{});
  loader_->must("detach lower");
  EXPECT_EQ(state(), unattached_);
}

TEST_P(MigrationTest, KilledAnywhereItIsTakenUpAgain) {
  const auto start = Clock::now();
  loader_->must("attach lower");
  const auto length = Clock::now() - start;
  loader_->must("detach lower");
  int untouched = 0;
  int finished = 0;
  for (int round = 0; round < kKills; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    make();
    LiveTraffic traffic;
    {
      ChildProcess child(loader_->argv({"attach", "lower"}));
      std::this_thread::sleep_for(length * round / kKills);
      child.kill();
    }
    const CommandResult get = loader_->run("get upper");
    if (get.status == 0)
      ++finished;
    else
      EXPECT_NE(get.err.find("another version"), std::string::npos) << get.err;
    if (!std::filesystem::exists(old_.pin_directory + "/steering")) ++untouched;
    loader_->must("attach lower");
    traffic.stop();
    traffic.expect_all_of_the_wanted();
    traffic.expect_none_of_the_unwanted();
    expect_taken_over();
    loader_->must("detach lower");
    EXPECT_EQ(state(), unattached_);
    if (HasFailure()) return;
  }
  EXPECT_GT(untouched, 0) << "none was killed before";
  EXPECT_LT(untouched + finished, kKills) << "none was killed in the middle";
  std::cout << "  " << kKills << " killed: " << untouched << " before maps were converted, " << finished
            << " after the end\n";
}

TEST_P(MigrationTest, DetachTakesItDown) {
  loader_->must("detach lower");
  EXPECT_EQ(state(), unattached_);
  EXPECT_TRUE(old_.programs_are_gone());
}

TEST_P(MigrationTest, OtherVerbsSayWhatToDo) {
  const std::string before = state();
  for (const char* arguments : {"status lower", "get upper", "set upper --vlan 7", "clear upper", "status"}) {
    const CommandResult result = loader_->run(arguments);
    EXPECT_EQ(result.status, 1) << arguments;
    EXPECT_TRUE(
        result.err.contains("lower was attached by another version of rxfilter (map layout 1, this one has 2): "
                            "rxfilter-loader attach lower upgrades it\n"))
        << result.err;
  }
  EXPECT_EQ(state(), before);
}

// Another program is where the early drop was: that is no reason to keep the old maps for ever.
TEST_P(MigrationTest, DetachNeedsNoEarlyDrop) {
  if (GetParam() == Layout1Early::tc)
    must_run("tc filter del dev lower ingress");
  else
    must_run("ip link set dev lower xdp off; ip link set dev lower xdpgeneric off");
  loader_->must("detach lower");
  EXPECT_EQ(state(), unattached_);
}

// As where its device was deleted: the remains of that version are removed, too.
TEST_P(MigrationTest, PinsWithoutADeviceAreRemoved) {
  must_run("ip link del lower");
  EXPECT_TRUE(loader_->must("status").contains("pins without a device"));
  loader_->must("detach lower");
  EXPECT_FALSE(state().contains("rxfilter"));
}

std::string early_name(const testing::TestParamInfo<Layout1Early>& early) {
  return early.param == Layout1Early::tc ? "Tc" : early.param == Layout1Early::native ? "Native" : "Generic";
}

INSTANTIATE_TEST_SUITE_P(Early, MigrationTest,
                         testing::Values(Layout1Early::tc, Layout1Early::native, Layout1Early::generic), early_name);

}  // namespace
}  // namespace rxf::test
