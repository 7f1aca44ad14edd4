// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/random_host_draw.h"

#include <algorithm>

namespace rxf::test {
namespace {

constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr MacAddress kSender = {{0x02, 0, 0, 0, 0, 0x5e}};
constexpr std::uint8_t kGroups = 5;   // that somebody may join or list
constexpr std::uint8_t kSources = 3;  // that source mode may take
constexpr std::uint8_t kFurther = 4;  // in an upper's pool
constexpr std::size_t kFormer = 3;    // former addresses that frames are still sent to

MacAddress group_number(std::uint8_t number) { return {{0x01, 0x00, 0x5e, 0x01, 0x01, number}}; }
MacAddress source_number(std::uint8_t number) { return {{0x02, 0x55, 0, 0, 0, number}}; }
MacAddress further_number(std::uint8_t upper, std::uint8_t number) { return {{0x02, 0xbb, 0, 0, upper, number}}; }

}  // namespace

MacAddress HostDraw::fresh_address() {
  ++addresses_;
  return {{0x02, 0xaa, 0, 0, static_cast<std::uint8_t>(addresses_ >> 8), static_cast<std::uint8_t>(addresses_)}};
}

MacAddress HostDraw::group() { return group_number(static_cast<std::uint8_t>(below(kGroups))); }

AddressSet HostDraw::sources() {
  AddressSet some;
  for (std::uint32_t n = 1 + below(2); n > 0; --n)
    some.insert(source_number(static_cast<std::uint8_t>(below(kSources))));
  return some;
}

std::uint16_t HostDraw::vid() {
  static const std::vector<std::uint16_t> kVids = {7, 42, 100, 4094};
  return one_of(kVids);
}

MacAddress HostDraw::somebody_elses(const HostModel& model, const std::string& upper) {
  std::vector<MacAddress> all = {model.nic, model.uppers.at(upper).address};
  for (const auto& [name, other] : model.uppers) {
    all.push_back(other.address);
    all.push_back(further_number(other.number, 0));
  }
  all.insert(all.end(), model.further.begin(), model.further.end());
  all.insert(all.end(), model.former.begin(), model.former.end());
  return one_of(all);
}

AddressFilter HostDraw::addresses(const HostModel& model, const std::string& upper) {
  AddressFilter half{
      .flags = {.broadcast = !one_in(3), .multicast = !one_in(3), .promisc = one_in(8), .allmulti = one_in(4)}};
  const std::uint8_t pool = model.uppers.at(upper).number;
  for (std::uint8_t n = 0; n < kFurther; ++n)
    if (one_in(2)) half.unicast.insert(further_number(pool, n));
  if (one_in(6)) half.unicast.insert(somebody_elses(model, upper));
  if (half.flags.multicast)
    for (std::uint32_t n = below(4); n > 0; --n) half.multicast.insert(group());
  return half;
}

FilterSet HostDraw::filter(const HostModel& model, const std::string& upper) {
  FilterSet set;
  if (!one_in(4)) set.addresses = addresses(model, upper);
  if (set.addresses && one_in(3)) return set;
  set.vlans.emplace();
  for (std::uint32_t n = below(4); n > 0; --n) set.vlans->insert(vid());
  return set;
}

MacAddress HostDraw::claimed_or_fresh(const HostModel& model) {
  std::vector<MacAddress> all;
  for (const auto& [name, upper] : model.uppers)
    if (upper.filter.addresses)
      for (const MacAddress& address : upper.filter.addresses->unicast)
        if (claims(upper, address)) all.push_back(address);
  return all.empty() || !has("claimed") || one_in(2) ? fresh_address() : one_of(all);
}

VlanTag HostDraw::tag(std::uint16_t vid) {
  const std::uint16_t priority = one_in(4) ? static_cast<std::uint16_t>(below(8) << 13) : 0;
  return {.tpid = kTpidCustomer, .tci = static_cast<std::uint16_t>(priority | vid)};
}

// What precedes a VLAN's tag, if anything, then that, then perhaps one more; the first one perhaps in metadata.
void HostDraw::add_tags(SentFrame& frame) {
  constexpr std::uint16_t kStrangeVid = 999;
  const std::uint16_t number = one_in(6) ? kStrangeVid : vid();
  const VlanTag service_zero{.tpid = kTpidService, .tci = 0};
  const VlanTag service{.tpid = kTpidService, .tci = vid()};
  const std::vector<std::vector<VlanTag>> stacks = {{tag(number)},
                                                    {tag(number)},
                                                    {tag(number)},
                                                    {tag(0)},
                                                    {tag(0), tag(number)},
                                                    {service_zero},
                                                    {service},
                                                    {service_zero, tag(number)},
                                                    {tag(0), service},
                                                    {tag(number), service},
                                                    {service, tag(number)},
                                                    {tag(0), tag(0), tag(number)},
                                                    {tag(number), tag(vid())}};
  frame.tags = one_of(stacks);
  if (!has("priority") && frame.tags.size() > 1 && frame.tags.front().vid() == 0) frame.tags.resize(1);
  if (!one_in(2)) return;
  frame.metadata = frame.tags.front();
  frame.tags.erase(frame.tags.begin());
}

std::vector<SentFrame> HostDraw::burst(const HostModel& model) {
  std::vector<SentFrame> frames;
  for (const MacAddress& destination : destinations(model)) {
    frames.push_back({.destination = destination, .source = kSender, .tags = {}, .metadata = {}});
    frames.push_back(frames.back());
    add_tags(frames.back());
    if (one_in(3)) frames.back().source = source_number(static_cast<std::uint8_t>(below(kSources)));
  }
  std::ranges::shuffle(frames, random_);
  return frames;
}

std::vector<SentFrame> HostDraw::stream(const HostModel& model, std::size_t count) {
  std::vector<SentFrame> frames = burst(model);
  frames.resize(std::min(frames.size(), count));
  frames.push_back({.destination = model.nic, .source = kSender, .tags = {}, .metadata = {}});
  frames.push_back({.destination = kBroadcast, .source = kSender, .tags = {}, .metadata = {}});
  return frames;
}

std::vector<MacAddress> destinations(const HostModel& model) {
  std::set<MacAddress> all = {model.nic, kBroadcast, {{0x02, 0xcc, 0, 0, 0, 1}}, {{0x01, 0x00, 0x5e, 9, 9, 9}}};
  for (const int last : {0x00, 0x02, 0x0e}) all.insert({{0x01, 0x80, 0xc2, 0, 0, static_cast<std::uint8_t>(last)}});
  for (std::uint8_t n = 0; n < kGroups; ++n) all.insert(group_number(n));
  all.insert(model.further.begin(), model.further.end());
  for (const auto& [device, address] : model.vlans) all.insert(address);
  for (const auto& [name, upper] : model.uppers) {
    all.insert(upper.address);
    if (upper.filter.addresses)
      all.insert(upper.filter.addresses->unicast.begin(), upper.filter.addresses->unicast.end());
  }
  const std::size_t former = std::min(kFormer, model.former.size());
  all.insert(model.former.end() - static_cast<std::ptrdiff_t>(former), model.former.end());
  return {all.begin(), all.end()};
}

}  // namespace rxf::test
