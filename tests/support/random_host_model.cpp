// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/random_host_model.h"

#include <algorithm>
#include <sstream>

namespace rxf::test {
namespace {

std::string text_of(const AddressSet& addresses) {
  std::string text;
  for (const MacAddress& address : addresses) text += " " + to_string(address);
  return text.empty() ? " none" : text;
}

std::string described(const FilterSet& filter) {
  std::string text;
  if (filter.addresses) {
    text = "; filter:";
    for (const std::string& name : names(filter.addresses->flags)) text += " " + name;
    text += ", unicast" + text_of(filter.addresses->unicast) + ", multicast" + text_of(filter.addresses->multicast);
  }
  if (filter.vlans) text += "; VLANs: " + to_string(*filter.vlans);
  return text.empty() ? "; unfiltered" : text;
}

std::string text_of(Foreign foreign) {
  if (foreign == Foreign::none) return "";
  return foreign == Foreign::ends ? "; a foreign filter in front ends" : "; a foreign filter in front continues";
}

void add(std::ostream& text, const std::string& name, const ModelUpper& upper) {
  text << "  " << name << " (" << to_string(upper.mode) << ") " << to_string(upper.address)
       << (upper.elsewhere ? ", elsewhere" : "") << (upper.up ? "" : ", down") << "; joined" << text_of(upper.joined)
       << (upper.sources.empty() ? "" : "; sources" + text_of(upper.sources)) << described(upper.filter)
       << (upper.guard_removed ? "; guard removed" : "") << text_of(upper.in_front) << "\n";
}

}  // namespace

std::string text_of(const FilterSet& filter) { return described(filter); }

std::string_view to_string(Due due) {
  if (due == Due::may) return "may arrive";
  return due == Due::must ? "must arrive" : "must not arrive";
}

Due throughout(Due before, Due after) { return before == after ? before : Due::may; }

std::vector<VlanTag> SentFrame::all_tags() const {
  std::vector<VlanTag> all;
  if (metadata) all.push_back(*metadata);
  all.insert(all.end(), tags.begin(), tags.end());
  return all;
}

std::string to_string(const SentFrame& frame) {
  std::ostringstream text;
  text << rxf::to_string(frame.destination) << " < " << rxf::to_string(frame.source) << std::hex;
  if (frame.metadata) text << " [" << frame.metadata->tpid << " " << std::dec << frame.metadata->vid() << " metadata]";
  for (const VlanTag& tag : frame.tags) text << " [" << std::hex << tag.tpid << " " << std::dec << tag.vid() << "]";
  return text.str();
}

std::string name_of(const VlanDevice& device) {
  std::ostringstream text;
  text << "nic." << std::hex << device.first << "." << std::dec << device.second;
  return text.str();
}

const ModelUpper* HostModel::passthru() const {
  const bool there = uppers.size() == 1 && uppers.begin()->second.mode == UpperMode::passthru;
  return there ? &uppers.begin()->second : nullptr;
}

bool HostModel::host_joined(const MacAddress& group) const {
  return joined_by_ip.contains(group) || joined_by_packet.contains(group);
}

// Nic's own, or on its unicast list for the host: a VLAN device puts its address there.
bool is_hosts(const HostModel& model, const MacAddress& address) {
  if (address == model.nic || model.further.contains(address)) return true;
  return std::ranges::any_of(model.vlans, [&](const auto& device) { return device.second == address; });
}

bool claims(const ModelUpper& upper, const MacAddress& address) {
  if (upper.elsewhere || upper.mode == UpperMode::passthru || upper.mode == UpperMode::source) return false;
  return upper.filter.addresses && address != upper.address && upper.filter.addresses->unicast.contains(address);
}

bool has_claims(const HostModel& model) {
  return std::ranges::any_of(model.uppers, [](const auto& entry) {
    const ModelUpper& upper = entry.second;
    return upper.filter.addresses && std::ranges::any_of(upper.filter.addresses->unicast,
                                                         [&](const MacAddress& one) { return claims(upper, one); });
  });
}

Owner owner_of(const HostModel& model, const std::string& but_for, const MacAddress& address) {
  if (is_hosts(model, address)) return Owner::up;
  Owner found = Owner::none;
  for (const auto& [name, upper] : model.uppers)
    if (name != but_for && upper.address == address) found = std::max(found, upper.up ? Owner::up : Owner::down);
  return found;
}

Owner worst_conflict(const HostModel& model) {
  Owner worst = Owner::none;
  for (const auto& [name, upper] : model.uppers) {
    if (!upper.filter.addresses) continue;
    for (const MacAddress& address : upper.filter.addresses->unicast) {
      if (!claims(upper, address)) continue;
      const Owner owner = owner_of(model, name, address);
      worst = std::max(worst, upper.up ? owner : std::min(owner, Owner::down));
    }
  }
  return worst;
}

bool is_in_use(const HostModel& model, const std::string& self, const MacAddress& address) {
  const ModelUpper& upper = model.uppers.at(self);
  if (upper.mode == UpperMode::passthru || upper.mode == UpperMode::source || address == upper.address) return false;
  if (is_hosts(model, address)) return true;
  return std::ranges::any_of(model.uppers, [&](const auto& entry) {
    const auto& [name, other] = entry;
    if (name == self) return false;
    if (other.address == address && (!other.elsewhere || other.up)) return true;
    return claims(other, address);
  });
}

std::string to_string(const HostModel& model) {
  std::ostringstream text;
  text << "  nic " << to_string(model.nic) << "; joined" << text_of(model.joined_by_ip) << ", by packet sockets"
       << text_of(model.joined_by_packet) << "; further" << text_of(model.further)
       << (model.allmulti_held() ? "; allmulti" : "") << (model.promisc_held() ? "; promisc" : "")
       << (model.tcpdump ? "; tcpdump" : "") << text_of(model.in_front) << (model.behind ? "; one behind" : "")
       << (model.early_removed ? "; clsact removed" : "") << (model.lost_set ? "; a set was lost" : "")
       << (model.leaked != 0 ? "; allmulti has leaked" : "") << (model.daemon ? "; daemon" : "; no daemon") << "\n";
  for (const auto& [device, address] : model.vlans)
    text << "  " << name_of(device) << " " << to_string(address) << "\n";
  for (const auto& [name, upper] : model.uppers) add(text, name, upper);
  return text.str();
}

}  // namespace rxf::test
