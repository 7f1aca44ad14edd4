// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/live_traffic.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <iostream>

#include "tests/support/packet.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

constexpr MacAddress kStranger = {{0x02, 0xcc, 0, 0, 0, 1}};
constexpr MacAddress kStrangeGroup = {{0x01, 0x00, 0x5e, 9, 9, 9}};
constexpr std::uint16_t kStrangeVlan = 4000;

struct Kind {
  const char* name;
  MacAddress destination;
  std::uint16_t vid;  // 0: untagged
};

constexpr std::array kWanted = {Kind{"own address", Topology::kUpperAddress, 0},
                                Kind{"listed unicast", LiveTraffic::kUnicast, 0},
                                Kind{"listed multicast", LiveTraffic::kGroup, 0},
                                Kind{"listed unicast, tagged", LiveTraffic::kUnicast, LiveTraffic::kVlan},
                                Kind{"listed multicast, tagged", LiveTraffic::kGroup, LiveTraffic::kVlan}};
constexpr std::array kUnwanted = {Kind{"unlisted unicast", kStranger, 0}, Kind{"unlisted multicast", kStrangeGroup, 0},
                                  Kind{"listed unicast, unwanted VLAN", LiveTraffic::kUnicast, kStrangeVlan},
                                  Kind{"unlisted unicast, tagged", kStranger, LiveTraffic::kVlan}};

// Frames under way at a time: fewer than the shortest queue on the path holds (a veth's ring for XDP, 256).
constexpr std::uint64_t kWindow = 128;
constexpr int kUnwantedEvery = 4;
constexpr auto kPatience = std::chrono::seconds(5);

Bytes frame_of(const Kind& kind, std::uint32_t number, std::uint64_t sequence) {
  Packet packet{.destination = kind.destination, .payload = to_payload({.kind = number, .sequence = sequence})};
  if (kind.vid != 0) packet.tags = {{.tci = kind.vid}};
  return to_bytes(packet);
}

}  // namespace

LiveTraffic::LiveTraffic()
    : tap_("upper"),
      sender_(ifindex_of("far")),
      leaked_(kUnwanted.size()),
      reader_([this] { read(); }),
      writer_([this] { write(); }) {}

void LiveTraffic::stop() {
  stopping_ = true;
  if (writer_.joinable()) writer_.join();
  sent_all_ = true;
  if (reader_.joinable()) reader_.join();
}

// Lost frames would leave no room for ever.
bool LiveTraffic::wait_for_room() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (sent_ - received_ >= kWindow) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

void LiveTraffic::send(std::uint32_t number, std::uint64_t sequence) {
  const Kind& kind = number < kWanted.size() ? kWanted.at(number) : kUnwanted.at(number - kWanted.size());
  // The lower device's receive queue is full: that is no matter of filters.
  while (!sender_.try_send(frame_of(kind, number, sequence))) std::this_thread::yield();
}

void LiveTraffic::write() {
  for (std::uint64_t turn = 0; !stopping_ && wait_for_room(); ++turn) {
    const std::size_t wanted = turn % kWanted.size();
    send(static_cast<std::uint32_t>(wanted), sent_);
    ++sent_;
    if (turn % kUnwantedEvery != 0) continue;
    const std::size_t unwanted = turn / kUnwantedEvery % kUnwanted.size();
    send(static_cast<std::uint32_t>(kWanted.size() + unwanted), unwanted_sent_++);
  }
}

void LiveTraffic::read() {
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

void LiveTraffic::expect_all_of_the_wanted() const {
  std::array<std::uint64_t, kWanted.size()> lost{};
  for (std::uint64_t sequence = 0; sequence < sent_; ++sequence)
    if (sequence >= arrived_.size() || !arrived_[sequence]) ++lost[sequence % kWanted.size()];
  for (std::size_t i = 0; i < kWanted.size(); ++i) EXPECT_EQ(lost[i], 0U) << kWanted[i].name << ": lost";
  EXPECT_EQ(duplicates_, 0U);
  EXPECT_GT(sent_, 0U);
  std::cout << "  " << sent_ << " wanted frames and " << unwanted_sent_ << " unwanted ones\n";
}

void LiveTraffic::expect_none_of_the_unwanted() const {
  EXPECT_GT(unwanted_sent_, 0U);
  for (std::size_t i = 0; i < kUnwanted.size(); ++i) EXPECT_EQ(leaked_[i], 0U) << kUnwanted[i].name << ": leaked";
}

}  // namespace rxf::test
