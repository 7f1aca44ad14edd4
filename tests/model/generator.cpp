// SPDX-License-Identifier: GPL-2.0-only
#include "tests/model/generator.h"

#include <array>
#include <sstream>

namespace rxf::test {
namespace {

constexpr std::array<std::uint16_t, 14> kVids = {1, 7, 42, 63, 64, 65, 100, 101, 127, 128, 511, 2048, 4093, 4094};
constexpr std::uint32_t kUnicastPool = 10;
constexpr std::uint32_t kMulticastPool = 8;

MacAddress address(std::uint8_t first, std::uint8_t last) { return {{first, 0, 0, 0, 0, last}}; }

MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

std::string to_string(const VlanTag& tag) {
  std::ostringstream text;
  text << (tag.tpid == kTpidCustomer ? "C" : tag.tpid == kTpidService ? "S" : "?") << "-tag VID " << tag.vid();
  if (tag.tci != tag.vid()) text << " (TCI " << tag.tci << ")";
  return text.str();
}

std::string to_string(const FilterSet& filter) {
  std::ostringstream text;
  if (filter.addresses) {
    text << " flags";
    for (const std::string& name : names(filter.addresses->flags)) text << " " << name;
    text << "; unicast";
    for (const MacAddress& a : filter.addresses->unicast) text << " " << rxf::to_string(a);
    text << "; multicast";
    for (const MacAddress& a : filter.addresses->multicast) text << " " << rxf::to_string(a);
  } else {
    text << " any address";
  }
  text << "; vlans " << (filter.vlans ? rxf::to_string(*filter.vlans) : "all");
  return text.str();
}

}  // namespace

Probe to_probe(const ProbeParts& parts) {
  return {.bytes = to_bytes({.destination = parts.destination, .tags = parts.in_frame}), .metadata = parts.metadata};
}

std::string to_string(const ProbeParts& parts) {
  std::string text = "frame to " + rxf::to_string(parts.destination);
  if (parts.metadata) text += ", in metadata " + to_string(*parts.metadata);
  for (const VlanTag& tag : parts.in_frame) text += ", in the frame " + to_string(tag);
  return text;
}

std::string to_string(const Snapshot& snapshot) {
  std::ostringstream text;
  text << "lower device " << rxf::to_string(snapshot.address) << ", unicast list";
  for (const MacAddress& a : snapshot.unicast) text << " " << rxf::to_string(a);
  text << ", VLAN devices " << rxf::to_string(snapshot.vlan_devices)
       << (snapshot.can_stand_down ? "" : ", cannot stand down") << "\n";
  for (const Upper& upper : snapshot.uppers)
    text << "  upper " << upper.name << " " << rxf::to_string(upper.address) << " " << rxf::to_string(upper.mode) << ":"
         << to_string(upper.filter) << "\n";
  return text.str();
}

MacAddress Generator::unicast() { return address(0x02, static_cast<std::uint8_t>(below(kUnicastPool))); }

MacAddress Generator::multicast() { return address(0x33, static_cast<std::uint8_t>(below(kMulticastPool))); }

std::uint16_t Generator::vid() { return kVids.at(below(kVids.size())); }

VlanTag Generator::tag() {
  const std::uint16_t priority = one_in(2) ? static_cast<std::uint16_t>(below(8) << 13 | below(2) << 12) : 0;
  const std::uint16_t number = one_in(8) ? 0 : vid();
  return {.tpid = one_in(5) ? kTpidService : kTpidCustomer, .tci = static_cast<std::uint16_t>(priority | number)};
}

VlanTag Generator::priority_tag() {
  VlanTag made = tag();
  made.tci &= 0xf000;
  return made;
}

AddressFilter Generator::addresses() {
  AddressFilter half{
      .flags = {.broadcast = one_in(2), .multicast = !one_in(3), .promisc = one_in(10), .allmulti = one_in(5)}};
  for (std::uint32_t n = below(5); n > 0; --n) half.unicast.insert(unicast());
  if (half.flags.multicast)
    for (std::uint32_t n = below(5); n > 0; --n) half.multicast.insert(multicast());
  return half;
}

FilterSet Generator::filter() {
  FilterSet set;
  if (!one_in(8)) set.addresses = addresses();
  if (!one_in(4)) {
    set.vlans.emplace();
    for (std::uint32_t n = below(7); n > 0; --n) set.vlans->insert(vid());
  }
  return set;
}

Upper Generator::upper(std::uint32_t index, UpperMode mode) {
  Upper made{.ifindex = 10 + index,
             .name = "u" + std::to_string(index),
             .address = address(0x06, static_cast<std::uint8_t>(index)),
             .mode = mode};
  if (!one_in(6)) made.filter = filter();
  return made;
}

Snapshot Generator::snapshot() {
  Snapshot made{.ifindex = 2, .name = "lower", .address = address(0x0a, 0), .can_stand_down = !one_in(8)};
  if (one_in(4)) made.vlan_devices.insert(vid());
  if (one_in(2)) {
    made.uppers = {upper(0, UpperMode::passthru)};
    made.uppers[0].address = made.address;
    return made;
  }
  const std::uint32_t count = 1 + below(kGuards);
  constexpr std::array kModes = {UpperMode::bridge, UpperMode::vepa, UpperMode::private_, UpperMode::source};
  for (std::uint32_t index = 0; index < count; ++index) {
    made.uppers.push_back(upper(index, kModes.at(below(kModes.size()))));
    made.unicast.insert(made.uppers.back().address);
  }
  if (one_in(3)) made.unicast.insert(address(0x0e, 0));  // an upper in another namespace
  return made;
}

MacAddress Generator::destination(const Snapshot& snapshot) {
  switch (below(16)) {
    case 0:
    case 1:
      return broadcast();
    case 2:
      return {{0x01, 0x80, 0xc2, 0, 0, static_cast<std::uint8_t>(below(18))}};
    case 3:
      return snapshot.address;
    case 4:
      return address(0x0e, 0);
    case 5:
    case 6:
    case 7:
      return snapshot.uppers.at(below(static_cast<std::uint32_t>(snapshot.uppers.size()))).address;
    case 8:
    case 9:
    case 10:
    case 11:
      return multicast();
    default:
      return unicast();
  }
}

ProbeParts Generator::probe(const Snapshot& snapshot) {
  ProbeParts parts{.destination = destination(snapshot)};
  if (one_in(4)) return parts;
  if (one_in(2)) parts.metadata = tag();
  if (!parts.metadata || one_in(3)) parts.in_frame.push_back(tag());
  if (one_in(6)) parts.in_frame.push_back(tag());
  if (one_in(3)) parts.in_frame.insert(parts.in_frame.begin(), below(kTagsInReach + 2), priority_tag());
  return parts;
}

}  // namespace rxf::test
