// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "tests/support/frame_sender.h"
#include "tests/support/packet_listener.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {

using Numbers = std::set<std::uint64_t>;  // Marker::sequence

// Untagged frames to some destinations in turn, numbered from 0, some 2,000 a second, on a thread of its own.
class SteadyTraffic {
 public:
  SteadyTraffic(FrameSender sender, std::vector<MacAddress> destinations);
  ~SteadyTraffic() { stop(); }
  SteadyTraffic(const SteadyTraffic&) = delete;
  SteadyTraffic& operator=(const SteadyTraffic&) = delete;

  // The frame with this number, and every later one, is sent after this call.
  [[nodiscard]] std::uint64_t now() const { return next_; }

  // Lets each destination get some frames.
  void run_on() const;

  void stop();

  // Of the frames to there, the numbers from `begin` to, but without, `end`.
  [[nodiscard]] Numbers numbers(const MacAddress& destination, std::uint64_t begin, std::uint64_t end) const;

 private:
  void write();

  FrameSender sender_;
  std::vector<MacAddress> destinations_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> next_ = 0;
  std::thread writer_;
};

// Who listens: the guest's end of a macvtap, or a packet socket on a device.
class Ear {
 public:
  explicit Ear(TapReader tap) : source_(std::move(tap)) {}
  explicit Ear(PacketListener listener) : source_(std::move(listener)) {}

  // Of `wanted`, what does not come within some seconds.
  [[nodiscard]] Numbers missing(const Numbers& wanted);

  // All that came so far.
  [[nodiscard]] const Numbers& heard();

 private:
  bool take_one(int timeout_ms);

  std::variant<TapReader, PacketListener> source_;
  Numbers heard_;
};

// "1, 2, 3 and 40 more", "none"
[[nodiscard]] std::string to_string(const Numbers& numbers);

}  // namespace rxf::test
