// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loader/model/frame.h"
#include "loader/model/mac_address.h"
#include "tests/support/frame_sender.h"
#include "tests/support/packet.h"
#include "tests/support/packet_listener.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {

// A kind of frame that a test sends, and looks for where it should or should not arrive.
struct Probe {
  std::string name;
  MacAddress destination;
  std::vector<VlanTag> tags;        // in the bytes, outermost first
  std::optional<VlanTag> metadata;  // beside them: needs a MetadataTagger
};

// Marked with the probe's number and the sequence.
[[nodiscard]] Bytes probe_frame(const Probe& probe, std::size_t number, std::uint64_t sequence);

inline constexpr unsigned kProbeFrames = 5;
inline constexpr int kProbeQuietMs = 150;

// kProbeFrames of each, all to one device. Their source addresses differ, so that a bond uses all of its ports.
void send_probes(FrameSender& sender, std::span<const Probe> probes);

// Different frames by the probe's name, those that never came too.
using Arrivals = std::map<std::string, unsigned>;

// What still comes out, until nothing does for `quiet_ms`.
Arrivals count_arrivals(TapReader& tap, std::span<const Probe> probes, int quiet_ms = kProbeQuietMs);
Arrivals count_arrivals(PacketListener& listener, std::span<const Probe> probes, int quiet_ms = kProbeQuietMs);

// What comes out of what is sent now.
template <class Receiver>
Arrivals arrivals(FrameSender& sender, Receiver& receiver, std::span<const Probe> probes) {
  count_arrivals(receiver, probes, 0);
  send_probes(sender, probes);
  return count_arrivals(receiver, probes);
}

[[nodiscard]] Arrivals all_arrivals(std::span<const Probe> probes);
// All frames of those named, none of the others.
[[nodiscard]] Arrivals only_arrivals(std::span<const Probe> probes, const std::vector<std::string>& names);

}  // namespace rxf::test
