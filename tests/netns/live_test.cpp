// SPDX-License-Identifier: GPL-2.0-only
// Filter sets are replaced while frames flow: what all of them want arrives, every frame of it, and what none of them
// wants never does.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <thread>
#include <vector>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/frame_sender.h"
#include "tests/support/packet.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using mirror::AttachMode;

constexpr MacAddress kUnicast = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr MacAddress kGroup = {{0x01, 0x00, 0x5e, 1, 2, 3}};
constexpr MacAddress kStranger = {{0x02, 0xcc, 0, 0, 0, 1}};
constexpr MacAddress kStrangeGroup = {{0x01, 0x00, 0x5e, 9, 9, 9}};
constexpr std::uint16_t kVlan = 42;
constexpr std::uint16_t kStrangeVlan = 4000;

struct Kind {
  const char* name;
  MacAddress destination;
  std::uint16_t vid;  // 0: untagged
};

constexpr std::array kWanted = {Kind{"own address", Topology::kUpperAddress, 0}, Kind{"listed unicast", kUnicast, 0},
                                Kind{"listed multicast", kGroup, 0}, Kind{"listed unicast, tagged", kUnicast, kVlan},
                                Kind{"listed multicast, tagged", kGroup, kVlan}};
constexpr std::array kUnwanted = {Kind{"unlisted unicast", kStranger, 0}, Kind{"unlisted multicast", kStrangeGroup, 0},
                                  Kind{"listed unicast, unwanted VLAN", kUnicast, kStrangeVlan},
                                  Kind{"unlisted unicast, tagged", kStranger, kVlan}};

// Frames under way at a time: fewer than the shortest queue on the path holds (a veth's ring for XDP, 256).
constexpr std::uint64_t kWindow = 128;
constexpr int kUnwantedEvery = 4;
constexpr auto kPatience = std::chrono::seconds(5);

Bytes frame_of(const Kind& kind, std::uint32_t number, std::uint64_t sequence) {
  Packet packet{.destination = kind.destination, .payload = to_payload({.kind = number, .sequence = sequence})};
  if (kind.vid != 0) packet.tags = {{.tci = kind.vid}};
  return to_bytes(packet);
}

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

// Sends until it is told to stop, on a thread of its own; another one reads.
class Traffic {
 public:
  Traffic() : tap_("upper"), sender_(ifindex_of("far")), reader_([this] { read(); }), writer_([this] { write(); }) {}
  ~Traffic() { stop(); }
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  void stop() {
    stopping_ = true;
    if (writer_.joinable()) writer_.join();
    sent_all_ = true;
    if (reader_.joinable()) reader_.join();
  }

  // After stop().
  void expect_all_of_the_wanted() const;
  void expect_none_of_the_unwanted() const;

 private:
  void read();
  void write();
  void send(const Kind& kind, std::uint32_t number, std::uint64_t sequence);
  bool wait_for_room();

  TapReader tap_;
  FrameSender sender_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> sent_all_ = false;
  std::atomic<std::uint64_t> sent_ = 0;      // wanted ones
  std::atomic<std::uint64_t> received_ = 0;  // wanted ones
  std::uint64_t unwanted_sent_ = 0;
  std::vector<bool> arrived_;  // wanted ones, by sequence
  std::uint64_t duplicates_ = 0;
  std::array<std::uint64_t, kUnwanted.size()> leaked_{};
  std::thread reader_;
  std::thread writer_;
};

// Lost frames would leave no room for ever.
bool Traffic::wait_for_room() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (sent_ - received_ >= kWindow) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

void Traffic::send(const Kind& kind, std::uint32_t number, std::uint64_t sequence) {
  // The lower device's receive queue is full: that is no matter of filters.
  while (!sender_.try_send(frame_of(kind, number, sequence))) std::this_thread::yield();
}

void Traffic::write() {
  for (std::uint64_t turn = 0; !stopping_ && wait_for_room(); ++turn) {
    const std::size_t wanted = turn % kWanted.size();
    send(kWanted[wanted], static_cast<std::uint32_t>(wanted), sent_);
    ++sent_;
    if (turn % kUnwantedEvery != 0) continue;
    const std::size_t unwanted = turn / kUnwantedEvery % kUnwanted.size();
    send(kUnwanted[unwanted], static_cast<std::uint32_t>(kWanted.size() + unwanted), unwanted_sent_++);
  }
}

void Traffic::read() {
  constexpr int kPollMs = 200;
  for (;;) {
    const bool last_look = sent_all_;
    const auto frame = tap_.read_frame(kPollMs);
    if (!frame && last_look) return;
    if (!frame) continue;
    const auto marker = find_marker(*frame);
    if (!marker) continue;
    if (marker->kind >= kWanted.size()) {
      ++leaked_.at(marker->kind - kWanted.size());
      continue;
    }
    if (marker->sequence >= arrived_.size()) arrived_.resize(marker->sequence + 1);
    if (arrived_[marker->sequence]) ++duplicates_;
    arrived_[marker->sequence] = true;
    ++received_;
  }
}

void Traffic::expect_all_of_the_wanted() const {
  std::array<std::uint64_t, kWanted.size()> lost{};
  for (std::uint64_t sequence = 0; sequence < sent_; ++sequence)
    if (sequence >= arrived_.size() || !arrived_[sequence]) ++lost[sequence % kWanted.size()];
  for (std::size_t i = 0; i < kWanted.size(); ++i) EXPECT_EQ(lost[i], 0U) << kWanted[i].name << ": lost";
  EXPECT_EQ(duplicates_, 0U);
  EXPECT_GT(sent_, 0U);
  std::cout << "  " << sent_ << " wanted frames and " << unwanted_sent_ << " unwanted ones\n";
}

void Traffic::expect_none_of_the_unwanted() const {
  EXPECT_GT(unwanted_sent_, 0U);
  for (std::size_t i = 0; i < kUnwanted.size(); ++i) EXPECT_EQ(leaked_[i], 0U) << kUnwanted[i].name << ": leaked";
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

  Traffic traffic;
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
