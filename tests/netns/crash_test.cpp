// SPDX-License-Identifier: GPL-2.0-only
// Commands that are killed at any moment, or run at the same time, leave nothing that the next command does not mend.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <random>
#include <thread>

#include "loader/cli/filter_json.h"
#include "loader/mirror/operations.h"
#include "tests/support/child_process.h"
#include "tests/support/enforcement.h"
#include "tests/support/host_state.h"
#include "tests/support/loader_command.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Arguments = std::vector<std::string>;

constexpr int kSetRounds = 50;  // per topology: 100 killed sets in all
constexpr int kPairRounds = 40;
constexpr int kAttachRounds = 12;  // per mode
constexpr std::size_t kSets = 5;
constexpr int kQuietMs = 20;
constexpr MacAddress kStranger = {{0x02, 0x99, 0, 0, 0, 1}};

// Some hundred addresses, which no other set has. The sizes differ, so that some of the lists grow and some shrink.
FilterSet large_set(std::size_t number) {
  FilterSet filter;
  filter.addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true, .allmulti = number == 3}};
  const auto variant = static_cast<std::uint8_t>(number);
  for (std::size_t i = 0; i < 150 + 60 * number; ++i) {
    const auto high = static_cast<std::uint8_t>(i >> 8);
    const auto low = static_cast<std::uint8_t>(i);
    filter.addresses->unicast.insert({{0x02, 0xbb, variant, 0, high, low}});
    if (i % 2 == 0) filter.addresses->multicast.insert({{0x33, 0x33, variant, 0, high, low}});
  }
  filter.vlans.emplace();
  for (std::uint16_t i = 0; i < 100; ++i) filter.vlans->insert(static_cast<std::uint16_t>(1 + 100 * number + 2 * i));
  return filter;
}

class CrashTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
    bpffs_.emplace();
    loader_.emplace(bpffs_->path());
    files_ = fs::temp_directory_path() / ("rxf-crash." + std::to_string(getpid()));
    fs::create_directory(files_);
    for (std::size_t i = 0; i < kSets; ++i) {
      sets_.push_back(large_set(i));
      std::ofstream(file_of(i)) << cli::to_json(sets_.back());
    }
  }
  void TearDown() override {
    if (!files_.empty()) fs::remove_all(files_);
  }

  std::string file_of(std::size_t number) { return files_ / std::to_string(number); }
  std::string state() { return host_state(bpffs_->path()); }
  Arguments set_to(std::size_t number) { return {"set", "upper", "--from", file_of(number)}; }

  FilterSet current() {
    const auto filter = mirror::get({.bpffs = bpffs_->path()}, "upper");
    EXPECT_TRUE(filter) << filter.error().text;
    return filter.value_or(FilterSet{});
  }

  void expect_enforced() { EXPECT_EQ(enforcement_problems(bpffs_->path(), "lower"), std::vector<std::string>{}); }

  static Clock::duration time_of(const std::function<void()>& work) {
    const auto start = Clock::now();
    work();
    return Clock::now() - start;
  }

  // At a moment drawn from the whole length of the command, early ones more often: the decisive steps are there.
  void kill_within(Clock::duration length, const Arguments& arguments) {
    const double drawn = std::uniform_real_distribution<double>(0, 1)(random_);
    ChildProcess child(loader_->argv(arguments));
    std::this_thread::sleep_for(length * 1.1 * drawn * drawn);
    child.kill();
  }

  FilterSet mend(int round, const FilterSet& left);
  void expect_frames_judged(TapReader& tap, const FilterSet& filter);
  void kill_sets();

  std::optional<ScratchBpffs> bpffs_;
  std::optional<LoaderCommand> loader_;
  fs::path files_;
  std::vector<FilterSet> sets_;
  std::mt19937 random_{1};
};

// Returns what must be in force afterwards.
FilterSet CrashTest::mend(int round, const FilterSet& left) {
  if (round % 3 == 0) {
    loader_->must("attach lower");
    return left;
  }
  if (round % 3 == 1) {
    loader_->must("set upper --vlan 7");
    FilterSet edited = left;
    edited.vlans.emplace().insert(7);
    return edited;
  }
  loader_->must("clear upper");
  return {};
}

void CrashTest::expect_frames_judged(TapReader& tap, const FilterSet& filter) {
  if (!filter.addresses) return;
  tap.drain(0);
  send_frames(*filter.addresses->unicast.begin(), 0, 1);
  const auto arrived = tap.drain(kQuietMs);
  EXPECT_EQ(arrived.size(), 1U);
  send_frames(kStranger, 0, 1);
  EXPECT_EQ(tap.drain(kQuietMs).size(), 0U);
}

void CrashTest::kill_sets() {
  TapReader tap("upper");
  loader_->must("set upper --from " + file_of(0));
  const auto length = time_of([&] { loader_->must("set upper --from " + file_of(1)); });
  FilterSet before = current();
  int old_ones = 0;
  int unfinished = 0;
  for (int round = 0; round < kSetRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const std::size_t next = static_cast<std::size_t>(round) % kSets;
    kill_within(length, set_to(next));
    const FilterSet left = current();
    EXPECT_TRUE(left == before || left == sets_[next]) << "neither the last complete filter set nor the new one";
    if (left == before) ++old_ones;
    if (!enforcement_problems(bpffs_->path(), "lower").empty()) ++unfinished;

    before = mend(round, left);
    EXPECT_EQ(current(), before);
    expect_enforced();
    expect_frames_judged(tap, before);
    if (HasFailure()) return;
  }
  EXPECT_GT(old_ones, 0) << "no set was killed before it was committed";
  EXPECT_LT(old_ones, kSetRounds) << "no set was killed after it was committed";
  EXPECT_GT(unfinished, 0) << "no set was killed in the middle";
  std::cout << "  " << kSetRounds << " sets killed: " << old_ones << " before they were committed, " << unfinished
            << " left unfinished\n";
}

TEST_F(CrashTest, AKilledSetIsMendedByTheNextCommand) {
  const Topology topology(Uppers::passthru);
  const std::string unattached = state();
  loader_->must("attach lower");
  kill_sets();
  loader_->must("detach lower");
  EXPECT_EQ(state(), unattached);
}

TEST_F(CrashTest, AKilledSetIsMendedByTheNextCommandBesideASibling) {
  const Topology topology(Uppers::bridge);
  const std::string unattached = state();
  loader_->must("attach lower");
  loader_->must("set sibling --from " + file_of(2));
  // macvlan gives an upper in bridge mode no frames to other addresses than its own: these are not judged by traffic.
  for (FilterSet& set : sets_) set.addresses->unicast = {Topology::kUpperAddress};
  for (std::size_t i = 0; i < kSets; ++i) std::ofstream(file_of(i)) << cli::to_json(sets_[i]);
  kill_sets();
  EXPECT_EQ(loader_->must("get sibling -j"), cli::to_json(large_set(2)).dump() + "\n");
  loader_->must("detach lower");
  EXPECT_EQ(state(), unattached);
}

TEST_F(CrashTest, TwoSetsAtOnceBothEndUpWhole) {
  const Topology topology(Uppers::passthru);
  const std::string unattached = state();
  loader_->must("attach lower");
  std::size_t first_ones = 0;
  for (int round = 0; round < kPairRounds; ++round) {
    const std::size_t one = static_cast<std::size_t>(round) % kSets;
    const std::size_t other = (one + 2) % kSets;
    ChildProcess first(loader_->argv(set_to(one)));
    ChildProcess second(loader_->argv(set_to(other)));
    EXPECT_EQ(first.wait(), 0);
    EXPECT_EQ(second.wait(), 0);
    const FilterSet left = current();
    EXPECT_TRUE(left == sets_[one] || left == sets_[other]);
    if (left == sets_[one]) ++first_ones;
    expect_enforced();
    if (HasFailure()) return;
  }
  RecordProperty("first_came_last", static_cast<int>(first_ones));
  loader_->must("detach lower");
  EXPECT_EQ(state(), unattached);
}

TEST_F(CrashTest, TwoAttachesAtOnceAreOne) {
  const Topology topology(Uppers::passthru);
  const std::string unattached = state();
  for (int round = 0; round < kPairRounds / 2; ++round) {
    ChildProcess first(loader_->argv({"attach", "lower"}));
    ChildProcess second(loader_->argv({"attach", "lower"}));
    EXPECT_EQ(first.wait(), 0);
    EXPECT_EQ(second.wait(), 0);
    EXPECT_EQ(loader_->must("attach lower"), "lower: already attached\n");
    loader_->must("detach lower");
    EXPECT_EQ(state(), unattached);
    if (HasFailure()) return;
  }
}

class AttachCrashTest : public CrashTest, public testing::WithParamInterface<const char*> {};

TEST_P(AttachCrashTest, TheNextAttachOrDetachGetsThrough) {
  const Topology topology(Uppers::passthru);
  const std::string unattached = state();
  const std::string attach = std::string("attach lower --mode ") + GetParam();
  const auto attach_length = time_of([&] { loader_->must(attach); });
  loader_->must("set upper --from " + file_of(1));
  const auto detach_length = time_of([&] { loader_->must("detach lower"); });

  for (int round = 0; round < kAttachRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    kill_within(attach_length, {"attach", "lower", "--mode", GetParam()});
    if (round % 2 == 0) {
      loader_->must("detach lower");
      EXPECT_EQ(state(), unattached);
    }
    loader_->must(attach);
    loader_->must("set upper --from " + file_of(1));
    expect_enforced();

    kill_within(detach_length, {"detach", "lower"});
    if (round % 3 == 0) {
      loader_->must(attach);
      expect_enforced();
    }
    loader_->must("detach lower");
    EXPECT_EQ(state(), unattached);
    if (HasFailure()) return;
  }
}

std::string crash_mode(const testing::TestParamInfo<const char*>& mode) { return mode.param; }

INSTANTIATE_TEST_SUITE_P(Modes, AttachCrashTest, testing::Values("tc", "native", "generic"), crash_mode);

}  // namespace
}  // namespace rxf::test
