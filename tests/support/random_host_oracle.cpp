// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/random_host_oracle.h"

#include <algorithm>

#include "loader/model/verdict.h"
#include "tests/support/packet.h"

namespace rxf::test {
namespace {

using Tags = std::vector<VlanTag>;

bool is_priority_tag(const VlanTag& tag) { return tag.vid() == 0; }

// Behind its priority tags, which a Linux receiver takes off.
Tags behind_priority(Tags tags) {
  tags.erase(tags.begin(), std::ranges::find_if_not(tags, is_priority_tag));
  return tags;
}

// Whether a packet socket of the test's protocol sees a frame with these tags: the kernel takes off priority tags and
// one other.
bool is_audible(const Tags& tags) { return behind_priority(tags).size() <= 1; }

bool has_vlan(const HostModel& model, const VlanTag& tag) { return model.vlans.contains({tag.tpid, tag.vid()}); }

// The VLAN device that takes the frame before macvlan sees it.
std::optional<VlanDevice> vlan_in_front(const HostModel& model, const SentFrame& frame) {
  const Tags tags = frame.all_tags();
  if (tags.empty() || !has_vlan(model, tags.front())) return std::nullopt;
  return VlanDevice{tags.front().tpid, tags.front().vid()};
}

// The VLAN device that takes it in the end, unless macvlan did first.
std::optional<VlanDevice> vlan_behind(const HostModel& model, const SentFrame& frame) {
  const Tags tags = behind_priority(frame.all_tags());
  if (tags.empty() || !has_vlan(model, tags.front())) return std::nullopt;
  return VlanDevice{tags.front().tpid, tags.front().vid()};
}

bool counts_as_untagged(const SentFrame& frame) { return behind_priority(frame.all_tags()).empty(); }

// As the reference judges it, whatever it knows of priority tags.
Frame judged(const SentFrame& frame) {
  const Packet packet{
      .destination = frame.destination, .source = frame.source, .tags = behind_priority(frame.all_tags())};
  return parse_frame(to_bytes(packet)).value();
}

bool accepts(const ModelUpper& upper, const SentFrame& frame) {
  return judge(upper.filter, upper.address, judged(frame)) == Verdict::accept;
}

// Whether a group reaches the upper, as far as macvlan's list of it goes.
Due group_delivery(const ModelUpper& upper, const MacAddress& group) {
  if (group.is_broadcast() || upper.joined.contains(group)) return Due::must;
  if (upper.elsewhere || !upper.filter.addresses) return Due::may;
  const AddressFilter& half = *upper.filter.addresses;
  if (half.flags.multicast && half.multicast.contains(group)) return Due::must;
  return (half.flags.allmulti || half.flags.promisc) ? Due::must : Due::may;
}

// Whether steering hands the frame to the upper that claims its destination.
Due steered(const HostModel& model, const std::string& name, const SentFrame& frame) {
  const Owner owner = owner_of(model, name, frame.destination);
  if (owner == Owner::up || vlan_behind(model, frame)) return Due::must_not;
  const bool doubtful =
      owner == Owner::down || model.in_front == Foreign::ends || model.early_removed || model.claims_stale;
  return doubtful ? Due::may : Due::must;
}

// What macvlan, or steering, brings to an upper that would accept it.
Due delivery(const HostModel& model, const std::string& name, const ModelUpper& upper, const SentFrame& frame) {
  if (vlan_in_front(model, frame)) return Due::must_not;
  if (upper.mode == UpperMode::source) {
    return upper.sources.contains(frame.source) ? Due::must : Due::must_not;
  }
  if (frame.destination.is_group()) return group_delivery(upper, frame.destination);
  if (upper.mode == UpperMode::passthru || frame.destination == upper.address) return Due::must;
  if (!claims(upper, frame.destination) || !accepts(upper, frame)) return Due::must_not;
  return steered(model, name, frame);
}

Due upper_due(const HostModel& model, const std::string& name, const SentFrame& frame) {
  const ModelUpper& upper = model.uppers.at(name);
  if (!upper.up) return Due::must_not;
  const Due delivered = delivery(model, name, upper, frame);
  if (upper.filter.unfiltered() || accepts(upper, frame)) return delivered;
  const bool open = upper.guard_removed || upper.in_front == Foreign::ends;
  return open ? std::min(delivered, Due::may) : Due::must_not;
}

// Whether a unicast frame ends at an upper, so that neither the host nor a VLAN device behind sees it.
bool is_consumed(const HostModel& model, const SentFrame& frame) {
  if (frame.destination.is_group()) return false;
  if (model.passthru() != nullptr) return true;
  return std::ranges::any_of(model.uppers, [&](const auto& entry) {
    return entry.second.up && entry.second.mode != UpperMode::source && entry.second.address == frame.destination;
  });
}

bool may_be_steered(const HostModel& model, const SentFrame& frame) {
  return std::ranges::any_of(model.uppers, [&](const auto& entry) {
    const auto& [name, upper] = entry;
    return claims(upper, frame.destination) && accepts(upper, frame) && steered(model, name, frame) != Due::must_not;
  });
}

// A group beside a PASSTHRU upper.
Due group_beside_passthru(const HostModel& model, const SentFrame& frame) {
  const MacAddress& group = frame.destination;
  if (group.is_link_local_control() || (model.allmulti_held() && !group.is_broadcast())) return Due::must;
  if (!counts_as_untagged(frame)) return Due::may;
  return group.is_broadcast() || model.host_joined(group) ? Due::must : Due::may;
}

Due host_due(const HostModel& model, const SentFrame& frame) {
  if (vlan_behind(model, frame) || !is_audible(frame.all_tags())) return Due::may;
  if (is_consumed(model, frame) || may_be_steered(model, frame)) return Due::may;
  if (model.uppers.empty() || model.promisc_held()) return Due::must;
  if (frame.destination.is_group())
    return model.passthru() != nullptr ? group_beside_passthru(model, frame) : Due::must;
  return is_hosts(model, frame.destination) ? Due::must : Due::may;
}

Due vlan_due(const HostModel& model, const std::string& name, const SentFrame& frame) {
  const auto device = vlan_behind(model, frame);
  if (!device || name_of(*device) != name) return Due::must_not;
  if (!vlan_in_front(model, frame) && is_consumed(model, frame)) return Due::must_not;
  Tags inside = behind_priority(frame.all_tags());
  inside.erase(inside.begin());
  return is_audible(inside) ? Due::must : Due::may;
}

struct Doubt {
  Due due;
  std::string why;
};

void add_upper_doubts(const HostModel& model, const std::string& name, const ModelUpper& upper,
                      std::vector<Doubt>& doubts) {
  if (upper.elsewhere || upper.filter.unfiltered()) return;
  if (upper.guard_removed && !model.daemon) doubts.push_back({Due::must, name + " has lost its guard"});
  if (upper.in_front == Foreign::ends) doubts.push_back({Due::must, "a filter ends in front of " + name + "'s guard"});
  if (upper.in_front == Foreign::continues)
    doubts.push_back({Due::may, "a filter is in front of " + name + "'s guard"});
}

std::vector<Doubt> doubts_of(const HostModel& model) {
  std::vector<Doubt> doubts;
  for (const auto& [name, upper] : model.uppers) add_upper_doubts(model, name, upper, doubts);
  const Owner conflict = worst_conflict(model);
  if (conflict != Owner::none)
    doubts.push_back({conflict == Owner::up ? Due::must : Due::may, "an address in a filter set has another owner"});
  if (model.in_front == Foreign::ends)
    doubts.push_back({has_claims(model) ? Due::must : Due::may, "a filter ends in front of ours on nic"});
  if (model.in_front == Foreign::continues) doubts.push_back({Due::may, "a filter is in front of ours on nic"});
  const bool needed = model.mode == mirror::AttachMode::tc || (has_claims(model) && conflict == Owner::none);
  if (model.early_removed) doubts.push_back({needed ? Due::must : Due::may, "nic's clsact was removed"});
  if (model.lost_set && !model.daemon) doubts.push_back({Due::must, "an upper with a filter set is gone"});
  if (model.claims_stale) doubts.push_back({Due::may, "a claim may not have been taken up again"});
  if (model.leaked != 0) doubts.push_back({Due::must, "nic's allmulti count has leaked"});
  return doubts;
}

}  // namespace

bool is_accepted(const HostModel& model, const std::string& upper, const SentFrame& frame) {
  return accepts(model.uppers.at(upper), frame);
}

std::vector<std::string> receivers(const HostModel& model) {
  std::vector<std::string> all = {kHostReceiver};
  if (model.tcpdump) all.emplace_back(kTcpdump);
  for (const auto& [device, address] : model.vlans) all.push_back(name_of(device));
  for (const auto& [name, upper] : model.uppers) all.push_back(name);
  return all;
}

Due due(const HostModel& model, const std::string& receiver, const SentFrame& frame) {
  if (receiver == kHostReceiver) return host_due(model, frame);
  if (receiver == kTcpdump) return Due::must;
  if (model.uppers.contains(receiver)) return upper_due(model, receiver, frame);
  return vlan_due(model, receiver, frame);
}

Due problem_due(const HostModel& model, std::string& why) {
  Due worst = Due::must_not;
  why = "no promise is broken";
  for (const Doubt& doubt : doubts_of(model)) {
    if (doubt.due <= worst) continue;
    worst = doubt.due;
    why = doubt.why;
  }
  return worst;
}

}  // namespace rxf::test
