// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <iosfwd>
#include <span>

#include "tests/support/frame_sender.h"
#include "tests/support/packet_listener.h"
#include "tests/support/probe_frames.h"

namespace rxf::test {

// Frames by the probe's name: those that the NIC let in, and those of them that came to the upper.
struct Passed {
  Arrivals nic;
  Arrivals upper;

  bool operator==(const Passed&) const = default;
};

void PrintTo(const Passed& passed, std::ostream* out);

// From `far` to `lower` and `upper`.
class Wire {
 public:
  Wire();

  // kProbeFrames of each; returns when all have come that will. Throws std::runtime_error where a frame to the NIC's
  // own address or a broadcast does not come at all.
  Passed send(std::span<const Probe> probes);

 private:
  Passed send_batch(std::span<const Probe> probes);
  Arrivals hear_until_the_last(PacketListener& listener, std::span<const Probe> probes);

  FrameSender sender_;
  PacketListener nic_;
  PacketListener upper_;
  std::uint64_t batch_ = 0;
};

// kProbeFrames of those named and none of the others, at both places.
Passed only_these(std::span<const Probe> probes, const std::vector<std::string>& names);

}  // namespace rxf::test
