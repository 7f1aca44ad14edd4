// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/wire.h"

#include <chrono>
#include <ostream>
#include <stdexcept>
#include <string>

#include "tests/support/topology.h"
#include "tests/vm_kernel/nics.h"

namespace rxf::test {
namespace {

constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr auto kPatience = std::chrono::seconds(30);
constexpr int kPollMs = 200;

// Behind the probes: to the NIC itself, and a broadcast, which macvlan passes on from a queue of its own.
constexpr std::uint32_t kLastUnicast = 0xffff0001;
constexpr std::uint32_t kLastBroadcast = 0xffff0002;

Bytes last_frame(const MacAddress& destination, std::uint32_t kind, std::uint64_t batch) {
  return to_bytes({.destination = destination, .payload = to_payload({.kind = kind, .sequence = batch})});
}

void print(std::ostream& out, const Arrivals& arrivals) {
  for (const auto& [name, count] : arrivals)
    if (count != 0) out << " [" << name << ": " << count << "]";
}

}  // namespace

void PrintTo(const Passed& passed, std::ostream* out) {
  *out << "\n  let in by the NIC:";
  print(*out, passed.nic);
  *out << "\n  come to the upper:";
  print(*out, passed.upper);
}

Wire::Wire()
    : sender_(ifindex_of("far")),
      nic_(ifindex_of("lower"), PacketListener::kAnyProtocol),
      upper_(ifindex_of("upper"), PacketListener::kAnyProtocol) {}

// QEMU's e1000 holds frames back for a second when its receive control has been written, and may change their order
// then: that is over when the first of two batches has come.
Passed Wire::send(std::span<const Probe> probes) {
  send_batch({});
  return send_batch(probes);
}

Passed Wire::send_batch(std::span<const Probe> probes) {
  ++batch_;
  for (std::size_t number = 0; number < probes.size(); ++number)
    for (unsigned i = 0; i < kProbeFrames; ++i) sender_.send(probe_frame(probes[number], number, batch_));
  sender_.send(last_frame(address_of("lower"), kLastUnicast, batch_));
  sender_.send(last_frame(kBroadcast, kLastBroadcast, batch_));

  Passed passed;
  passed.nic = hear_until_the_last(nic_, probes);
  passed.upper = hear_until_the_last(upper_, probes);
  return passed;
}

Arrivals Wire::hear_until_the_last(PacketListener& listener, std::span<const Probe> probes) {
  Arrivals counts;
  for (const Probe& probe : probes) counts[probe.name] = 0;
  bool unicast = false;
  bool broadcast = false;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!unicast || !broadcast) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error(std::string(&listener == &nic_ ? "lower" : "upper") + ": no " +
                               (unicast ? "broadcast" : "frame to its own address") + " comes");
    const auto heard = listener.hear(kPollMs);
    if (!heard || heard->marker.sequence != batch_) continue;
    unicast |= heard->marker.kind == kLastUnicast;
    broadcast |= heard->marker.kind == kLastBroadcast;
    if (heard->marker.kind < probes.size()) ++counts[probes[heard->marker.kind].name];
  }
  return counts;
}

Passed only_these(std::span<const Probe> probes, const std::vector<std::string>& names) {
  const Arrivals arrivals = only_arrivals(probes, names);
  return {.nic = arrivals, .upper = arrivals};
}

}  // namespace rxf::test
