// SPDX-License-Identifier: GPL-2.0-only
#include "tests/model/property.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include "loader/model/plan.h"

namespace rxf::test {
namespace {

Frame frame_of(const ProbeParts& parts) {
  const Probe probe = to_probe(parts);
  return parse_frame(probe.bytes, probe.metadata).value();
}

// Straight from docs/semantics.md, "What the early drop must let through", without the plan.
bool host_may_want(const Snapshot& snapshot, const Frame& frame) {
  if (frame.destination.is_link_local_control()) return true;
  if (frame.tags_out_of_reach && !snapshot.vlan_devices.empty()) return true;
  if (frame.tag && snapshot.vlan_devices.contains(frame.tag->vid())) return true;
  for (const Upper& upper : snapshot.uppers) {
    if (upper.mode == UpperMode::passthru) return upper.filter.unfiltered();
    if (upper.filter.unfiltered() && upper.address == frame.destination) return true;
  }
  return frame.destination.is_group() || frame.destination == snapshot.address ||
         snapshot.unicast.contains(frame.destination);
}

bool somebody_wants(const Snapshot& snapshot, const Frame& frame) {
  return host_may_want(snapshot, frame) ||
         std::any_of(snapshot.uppers.begin(), snapshot.uppers.end(), [&](const Upper& upper) {
           return !upper.filter.unfiltered() && judge(upper.filter, upper.address, frame) == Verdict::accept;
         });
}

std::string check_guards(Datapath& datapath, const Snapshot& snapshot, const ProbeParts& parts, const Frame& frame) {
  for (std::uint32_t index = 0; index < snapshot.uppers.size(); ++index) {
    const Upper& upper = snapshot.uppers[index];
    const Verdict expected = judge(upper.filter, upper.address, frame);
    if (datapath.guard_admits(index, to_probe(parts)) != (expected == Verdict::accept))
      return "the guard of " + upper.name + " does not do what the reference says: " + std::string(to_string(expected));
  }
  return "";
}

std::string check_early(Datapath& datapath, const Snapshot& snapshot, const ProbeParts& parts, const Frame& frame,
                        bool* dropped = nullptr) {
  const Probe probe = to_probe(parts);
  const bool wanted = somebody_wants(snapshot, frame);
  const bool tc = datapath.early_tc_admits(probe);
  if (dropped != nullptr) *dropped = !tc;
  if (!wanted) return "";
  if (!tc) return "the early drop at tc drops a wanted frame";
  if (!datapath.early_xdp_admits(probe, false)) return "the early drop at XDP, blind to VLANs, drops a wanted frame";
  // Where no driver strips tags there is none in metadata.
  if (!parts.metadata && !datapath.early_xdp_admits(probe, true)) return "the early drop at XDP drops a wanted frame";
  return "";
}

std::string check(Datapath& datapath, const Snapshot& snapshot, const ProbeParts& parts) {
  const Frame frame = frame_of(parts);
  std::string wrong = check_guards(datapath, snapshot, parts, frame);
  return wrong.empty() ? check_early(datapath, snapshot, parts, frame) : wrong;
}

void write(Datapath& datapath, const Snapshot& snapshot) {
  datapath.write(desired_of(snapshot), [&] { return datapath.wait(); });
}

// Every upper, address, VLAN, flag and tag left out, one at a time.
std::vector<Counterexample> smaller(const Counterexample& example) {
  std::vector<Counterexample> all;
  const auto vary = [&](auto change) {
    Counterexample other = example;
    change(other);
    all.push_back(std::move(other));
  };
  for (std::size_t u = 0; u < example.snapshot.uppers.size(); ++u) {
    if (example.snapshot.uppers.size() > 1)
      vary([&](Counterexample& e) {
        e.snapshot.uppers.erase(e.snapshot.uppers.begin() + static_cast<std::ptrdiff_t>(u));
      });
    const auto filter_of = [u](Counterexample& e) -> FilterSet& { return e.snapshot.uppers[u].filter; };
    const FilterSet& filter = example.snapshot.uppers[u].filter;
    if (filter.vlans) {
      vary([&](Counterexample& e) { filter_of(e).vlans.reset(); });
      for (std::uint16_t vid = VlanSet::kFirst; vid <= VlanSet::kLast; ++vid)
        if (filter.vlans->contains(vid)) vary([&](Counterexample& e) { filter_of(e).vlans->erase(vid); });
    }
    if (!filter.addresses) continue;
    vary([&](Counterexample& e) { filter_of(e).addresses.reset(); });
    for (const MacAddress& a : filter.addresses->unicast)
      vary([&](Counterexample& e) { filter_of(e).addresses->unicast.erase(a); });
    for (const MacAddress& a : filter.addresses->multicast)
      vary([&](Counterexample& e) { filter_of(e).addresses->multicast.erase(a); });
    for (const std::string& name : names(filter.addresses->flags))
      if (name != "multicast" || filter.addresses->multicast.empty())
        vary([&](Counterexample& e) { *filter_of(e).addresses->flags.find(name) = false; });
  }
  for (const MacAddress& a : example.snapshot.unicast) vary([&](Counterexample& e) { e.snapshot.unicast.erase(a); });
  if (!example.snapshot.vlan_devices.empty()) vary([&](Counterexample& e) { e.snapshot.vlan_devices = {}; });
  if (example.probe.metadata) vary([&](Counterexample& e) { e.probe.metadata.reset(); });
  for (std::size_t t = 0; t < example.probe.in_frame.size(); ++t)
    vary([&](Counterexample& e) { e.probe.in_frame.erase(e.probe.in_frame.begin() + static_cast<std::ptrdiff_t>(t)); });
  return all;
}

Counterexample shrink(Datapath& datapath, Counterexample example) {
  for (bool shrunk = true; shrunk;) {
    shrunk = false;
    for (Counterexample& candidate : smaller(example)) {
      write(datapath, candidate.snapshot);
      candidate.what = check(datapath, candidate.snapshot, candidate.probe);
      if (candidate.what.empty()) continue;
      example = std::move(candidate);
      shrunk = true;
      break;
    }
  }
  return example;
}

bool is_cross_pair(const Snapshot& snapshot, const Upper& upper, const Frame& frame) {
  if (!frame.vlan() || judge(upper.filter, upper.address, frame) != Verdict::vlan) return false;
  const Frame untagged{.destination = frame.destination};
  if (judge(upper.filter, upper.address, untagged) != Verdict::accept) return false;
  return std::any_of(snapshot.uppers.begin(), snapshot.uppers.end(), [&](const Upper& other) {
    return &other != &upper && (!other.filter.vlans || other.filter.vlans->contains(*frame.vlan()));
  });
}

// The guards' counters against the reference's reasons, over all frames of one snapshot.
std::string check_counters(Datapath& datapath, const Snapshot& snapshot,
                           const std::vector<std::array<std::uint64_t, RXF_REASONS>>& expected) {
  for (std::uint32_t index = 0; index < snapshot.uppers.size(); ++index) {
    const rxf_counters counted = datapath.maps().counters(RXF_COUNTERS_FIRST_GUARD + index).value();
    const std::array<std::uint64_t, RXF_REASONS> packets = {
        counted.admitted.packets, counted.dropped_vlan.packets, counted.dropped_broadcast.packets,
        counted.dropped_multicast.packets, counted.dropped_unicast.packets};
    if (packets != expected[index])
      return "the guard of " + snapshot.uppers[index].name + " counts under wrong reasons";
    datapath.maps().reset_counters(RXF_COUNTERS_FIRST_GUARD + index).value();
  }
  return "";
}

void account(const Snapshot& snapshot, const ProbeParts& parts, const Frame& frame, Shares& shares,
             std::vector<std::array<std::uint64_t, RXF_REASONS>>& expected) {
  ++shares.frames;
  for (std::uint32_t index = 0; index < snapshot.uppers.size(); ++index) {
    const Upper& upper = snapshot.uppers[index];
    const auto reason = static_cast<std::size_t>(judge(upper.filter, upper.address, frame));
    // The guard of an unfiltered upper is off: it admits, and its counter says so.
    ++expected[index].at(reason);
    ++shares.pairs;
    ++shares.reasons.at(reason);
    shares.in_metadata += parts.metadata ? 1 : 0;
    shares.cross_pairs += is_cross_pair(snapshot, upper, frame) ? 1 : 0;
  }
}

}  // namespace

std::string to_string(const Counterexample& example) {
  return example.what + "\n" + to_string(example.probe) + "\n" + to_string(example.snapshot);
}

datapath::DesiredRules desired_of(const Snapshot& snapshot) {
  const LowerdevPlan planned = plan(snapshot);
  datapath::DesiredRules desired{
      .wanted = planned.early.wanted, .host = planned.early.host, .sole = planned.early.sole};
  for (std::uint32_t index = 0; index < snapshot.uppers.size(); ++index) {
    const auto found = planned.uppers.find(snapshot.uppers[index].ifindex);
    if (found == planned.uppers.end()) continue;
    // No device is in sight here, so the own address is in the maps, as on a kernel that lets no program look.
    Rules rules = found->second.guard;
    if (!rules.any_address) rules.addresses.insert(snapshot.uppers[index].address);
    desired.guards.push_back({.index = index, .ifindex = found->first, .rules = std::move(rules)});
  }
  return desired;
}

std::optional<Counterexample> search(Datapath& datapath, std::uint64_t seed, std::uint32_t snapshots,
                                     std::uint32_t frames_each, Shares& shares) {
  Generator generator(seed);
  for (std::uint32_t s = 0; s < snapshots; ++s) {
    const Snapshot snapshot = generator.snapshot();
    write(datapath, snapshot);
    ++shares.snapshots;
    for (std::uint32_t i = 0; i < kGuards; ++i) datapath.maps().reset_counters(RXF_COUNTERS_FIRST_GUARD + i).value();
    std::vector<std::array<std::uint64_t, RXF_REASONS>> expected(snapshot.uppers.size());
    for (std::uint32_t f = 0; f < frames_each; ++f) {
      const ProbeParts parts = generator.probe(snapshot);
      const Frame frame = frame_of(parts);
      bool dropped = false;
      std::string wrong = check_guards(datapath, snapshot, parts, frame);
      if (wrong.empty()) wrong = check_early(datapath, snapshot, parts, frame, &dropped);
      if (!wrong.empty()) return shrink(datapath, {.snapshot = snapshot, .probe = parts, .what = wrong});
      shares.early_drops += dropped ? 1 : 0;
      account(snapshot, parts, frame, shares, expected);
    }
    if (const std::string wrong = check_counters(datapath, snapshot, expected); !wrong.empty())
      return Counterexample{.snapshot = snapshot, .probe = {}, .what = wrong};
  }
  return std::nullopt;
}

}  // namespace rxf::test
