// SPDX-License-Identifier: GPL-2.0-only
// A filter is replaced over and over while frames come that each of them wants.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/frame_sender.h"
#include "tests/support/packet_listener.h"
#include "tests/support/topology.h"
#include "tests/support/vids.h"
#include "tests/vm_kernel/nics.h"

namespace rxf::test {
namespace {

constexpr MacAddress kShared = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr std::uint16_t kSharedVlan = 5;
constexpr auto kPatience = std::chrono::seconds(30);
constexpr int kPollMs = 200;

// Numbered frames from `far`, to kShared, every second one on kSharedVlan, by a thread of its own. A burst is sent when
// the one before has come to the upper: no queue on the way overflows.
class NumberedFrames {
 public:
  static constexpr unsigned kBurst = 16;

  NumberedFrames() : thread_([this] { exchange(); }) {}
  ~NumberedFrames() { stop(); }
  NumberedFrames(const NumberedFrames&) = delete;
  NumberedFrames& operator=(const NumberedFrames&) = delete;

  // Returns when a further burst has come; false where one was lost.
  bool wait_for_one_more() {
    const unsigned before = rounds_;
    if (!lost_) rounds_.wait(before);
    return !lost_;
  }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // That came whole, once it is stopped.
  [[nodiscard]] unsigned bursts() const { return bursts_; }
  // Twice, or of no burst: once it is stopped.
  [[nodiscard]] const std::vector<std::uint64_t>& unexpected() const { return unexpected_; }
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  void exchange() {
    while (!stopping_ && !lost_) {
      for (unsigned i = 0; i < kBurst; ++i) send(bursts_ * kBurst + i);
      if (all_heard())
        ++bursts_;
      else
        lost_ = true;
      ++rounds_;
      rounds_.notify_all();
    }
  }

  void send(std::uint64_t number) {
    Packet packet{.destination = kShared, .payload = to_payload({.kind = 1, .sequence = number})};
    if (number % 2 == 1) packet.tags = {{.tci = kSharedVlan}};
    sender_.send(to_bytes(packet));
  }

  // Each of the burst, in any order: QEMU may change that.
  bool all_heard() {
    std::set<std::uint64_t> missing;
    for (unsigned i = 0; i < kBurst; ++i) missing.insert(bursts_ * kBurst + i);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!missing.empty() && std::chrono::steady_clock::now() < deadline) {
      const auto heard = listener_.hear(kPollMs);
      if (heard && missing.erase(heard->marker.sequence) == 0) unexpected_.push_back(heard->marker.sequence);
    }
    for (const std::uint64_t number : missing) std::cout << "  lost: " << number << "\n";
    return missing.empty();
  }

  FrameSender sender_{ifindex_of("far")};
  PacketListener listener_{ifindex_of("upper"), PacketListener::kAnyProtocol};
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> lost_ = false;
  std::atomic<unsigned> rounds_ = 0;
  unsigned bursts_ = 0;
  std::vector<std::uint64_t> unexpected_;
  std::thread thread_;
};

// Two that share kShared and kSharedVlan; the latter not always at the same place of the lists.
FilterSet filter_of(int turn) {
  const std::uint8_t own = turn % 2 == 0 ? 0x00 : 0xff;
  return {.addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true},
                                     .unicast = {kShared, {{0x02, 0xbb, 0, 0, own, 2}}, {{0x02, own, 0, 0, 0, 3}}},
                                     .multicast = {{{0x01, 0x00, 0x5e, 1, own, 3}}}},
          .vlans = turn % 2 == 0 ? vids({kSharedVlan, 4, 100}) : vids({kSharedVlan, 6, 4094})};
}

struct Case {
  Nic nic;
  int replacements;
};

void PrintTo(const Case& row, std::ostream* out) { *out << row.nic.name; }

class Replacement : public testing::TestWithParam<Case> {
 protected:
  Wired wired_{GetParam().nic};
  PassthruUpper upper_{"macvtap"};
};

TEST_P(Replacement, LosesNoFrameThatBothFiltersWant) {
  upper_.set(filter_of(0));
  ASSERT_EQ(promiscuity_of("lower"), 0U);
  NumberedFrames frames;
  int turn = 0;
  while (turn < GetParam().replacements && frames.wait_for_one_more()) upper_.set(filter_of(++turn));
  frames.wait_for_one_more();
  frames.stop();
  EXPECT_FALSE(frames.lost()) << "in the burst after " << frames.bursts() << ", replacement " << turn;
  EXPECT_EQ(frames.unexpected(), std::vector<std::uint64_t>{});
  EXPECT_EQ(turn, GetParam().replacements);
  EXPECT_EQ(promiscuity_of("lower"), 0U);
  std::cout << "  " << frames.bursts() * NumberedFrames::kBurst << " frames\n";
}

// Fewer on the e1000: QEMU's holds frames back for a second when its receive control is written, as any change of a
// list does.
INSTANTIATE_TEST_SUITE_P(Nics, Replacement, testing::Values(Case{kE1000, 40}, Case{kVirtio, 200}),
                         [](const auto& row) { return std::string(row.param.nic.name); });

}  // namespace
}  // namespace rxf::test
