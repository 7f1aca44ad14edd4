// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/probe_frames.h"

#include <algorithm>
#include <set>

namespace rxf::test {
namespace {

Arrivals by_name(const std::set<Marker>& seen, std::span<const Probe> probes) {
  Arrivals counts;
  for (const Probe& probe : probes) counts[probe.name] = 0;
  for (const Marker& marker : seen)
    if (marker.kind < probes.size()) ++counts[probes[marker.kind].name];
  return counts;
}

}  // namespace

Bytes probe_frame(const Probe& probe, std::size_t number, std::uint64_t sequence) {
  const Marker marker{.kind = static_cast<std::uint32_t>(number), .sequence = sequence};
  Packet packet{.destination = probe.destination, .tags = probe.tags, .payload = to_payload(marker)};
  packet.source.bytes[5] = static_cast<std::uint8_t>(sequence);
  return to_bytes(packet);
}

void send_probes(FrameSender& sender, std::span<const Probe> probes) {
  for (std::size_t number = 0; number < probes.size(); ++number)
    for (std::uint64_t sequence = 0; sequence < kProbeFrames; ++sequence)
      sender.send(probe_frame(probes[number], number, sequence), probes[number].metadata);
}

Arrivals count_arrivals(TapReader& tap, std::span<const Probe> probes, int quiet_ms) {
  std::set<Marker> seen;
  for (const Bytes& frame : tap.drain(quiet_ms))
    if (const auto marker = find_marker(frame)) seen.insert(*marker);
  return by_name(seen, probes);
}

Arrivals count_arrivals(PacketListener& listener, std::span<const Probe> probes, int quiet_ms) {
  std::set<Marker> seen;
  while (const auto heard = listener.hear(quiet_ms)) seen.insert(heard->marker);
  return by_name(seen, probes);
}

Arrivals all_arrivals(std::span<const Probe> probes) {
  Arrivals counts;
  for (const Probe& probe : probes) counts[probe.name] = kProbeFrames;
  return counts;
}

Arrivals only_arrivals(std::span<const Probe> probes, const std::vector<std::string>& names) {
  Arrivals counts;
  for (const Probe& probe : probes)
    counts[probe.name] = std::find(names.begin(), names.end(), probe.name) == names.end() ? 0 : kProbeFrames;
  return counts;
}

}  // namespace rxf::test
