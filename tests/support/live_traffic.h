// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "tests/support/frame_sender.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {

// Frames from `far` to the macvtap `upper` of a Topology, as fast as they go: what a filter set with kUnicast, kGroup
// and kVlan wants, and what it does not. Sends until it is told to stop, on a thread of its own; another one reads.
// Give `upper` a long queue first (txqueuelen 4096).
class LiveTraffic {
 public:
  static constexpr MacAddress kUnicast = {{0x02, 0xbb, 0, 0, 0, 1}};
  static constexpr MacAddress kGroup = {{0x01, 0x00, 0x5e, 1, 2, 3}};
  static constexpr std::uint16_t kVlan = 42;

  LiveTraffic();
  ~LiveTraffic() { stop(); }
  LiveTraffic(const LiveTraffic&) = delete;
  LiveTraffic& operator=(const LiveTraffic&) = delete;

  void stop();

  // After stop().
  void expect_all_of_the_wanted() const;
  void expect_none_of_the_unwanted() const;

 private:
  void read();
  void write();
  void send(std::uint32_t number, std::uint64_t sequence);
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
  std::vector<std::uint64_t> leaked_;  // by kind
  std::thread reader_;
  std::thread writer_;
};

}  // namespace rxf::test
