// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/plan.h"

#include <algorithm>

namespace rxf {
namespace {

// One form for one behaviour, so that rules that judge alike compare equal.
Rules canonical(Rules rules) {
  if (rules.any_vlan) rules.vlans = {};
  if (rules.any_address) {
    rules.broadcast = false;
    rules.allmulti = false;
    rules.addresses.clear();
  }
  if (rules.allmulti) std::erase_if(rules.addresses, [](const MacAddress& address) { return address.is_group(); });
  return rules;
}

// PASSTHRU delivers everything, source mode by the source address.
bool delivers_by_own_address(UpperMode mode) { return mode != UpperMode::passthru && mode != UpperMode::source; }

AddressSet listed_unicast(const Upper& upper) {
  return upper.filter.addresses ? upper.filter.addresses->unicast : AddressSet{};
}

AddressSet further_unicast(const Upper& upper) { return difference(listed_unicast(upper), {upper.address}); }

KernelLists kernel_lists(const Upper& upper, bool unicast_filter) {
  if (!upper.filter.addresses || upper.kept_by_kernel) return {};
  const AddressFilter& half = *upper.filter.addresses;
  KernelLists lists;
  if (upper.mode == UpperMode::passthru)
    lists.unicast = further_unicast(upper);
  else if (unicast_filter && delivers_by_own_address(upper.mode))
    lists.below = further_unicast(upper);
  // Joined even under allmulti or promisc: switching these off must not leave a moment without the groups.
  if (half.flags.multicast) lists.multicast = half.multicast;
  lists.allmulti = half.flags.allmulti || half.flags.promisc;
  return lists;
}

EarlyDropPlan drop_nothing(std::string reason) {
  return {.wanted = {.any_vlan = true, .any_address = true}, .host = {}, .reason = std::move(reason)};
}

EarlyDropPlan early_beside_nobody(const Snapshot& snapshot, const Upper& upper) {
  if (upper.filter.unfiltered()) return drop_nothing(upper.name + " (passthru) has no filter set: it gets everything");
  EarlyDropPlan early{.sole = upper.ifindex};
  early.wanted = rules_of(upper.filter, upper.address);
  if (early.drops_nothing()) return drop_nothing(upper.name + " (passthru) asks for everything in its filter set");
  early.host.vlans = snapshot.vlan_devices;
  early.reason = upper.name + " is the only receiver (passthru): its filter set is the whole of what is wanted";
  return early;
}

HostRules host_beside_uppers(const Snapshot& snapshot) {
  HostRules host = {.groups = true, .addresses = snapshot.unicast, .vlans = snapshot.vlan_devices};
  // macvlan has put the own address of every upper that is up on the list; whose else it is cannot be told.
  for (const Upper& upper : snapshot.uppers)
    if (upper.filter.unfiltered()) host.addresses.insert(upper.address);
  host.addresses.insert(snapshot.address);
  return host;
}

EarlyDropPlan early_beside_others(const Snapshot& snapshot) {
  Rules wanted;
  std::size_t filtered = 0;
  for (const Upper& upper : snapshot.uppers) {
    if (upper.mode == UpperMode::source)
      return drop_nothing(upper.name + " (source) takes frames by their source, to whatever address");
    if (upper.filter.unfiltered()) continue;
    wanted = union_of(wanted, rules_of(upper.filter, upper.address));
    ++filtered;
  }
  if (filtered == 0) return drop_nothing("none of its uppers has a filter set");
  if (wanted.any_vlan && wanted.any_address)
    return drop_nothing("the filter sets of its uppers together ask for everything");
  return {.wanted = std::move(wanted),
          .host = host_beside_uppers(snapshot),
          .reason = std::to_string(filtered) + " of " + std::to_string(snapshot.uppers.size()) +
                    " uppers have a filter set: what one of them or the host can want is let through"};
}

EarlyDropPlan early_drop(const Snapshot& snapshot) {
  const auto& uppers = snapshot.uppers;
  if (uppers.empty()) return drop_nothing("no macvlan or macvtap on it");
  if (!snapshot.can_stand_down)
    return drop_nothing(
        "early drop is left off, since this kernel does not let the programs see who else listens; guards are exact "
        "anyway");
  // macvlan lets a PASSTHRU upper have no siblings.
  if (uppers.size() == 1 && uppers.front().mode == UpperMode::passthru)
    return early_beside_nobody(snapshot, uppers.front());
  return early_beside_others(snapshot);
}

// The programs read the own address from the device itself where they can see it, so that a change holds at once.
Rules guard_rules(const Snapshot& snapshot, const Upper& upper) {
  Rules rules = rules_of(upper.filter, upper.address);
  if (snapshot.can_stand_down && !listed_unicast(upper).contains(upper.address)) rules.addresses.erase(upper.address);
  return rules;
}

// The sender of a frame on its way out cannot be told, and one in private or vepa mode is to reach nobody here.
bool all_in_bridge_mode(const Snapshot& snapshot) {
  return std::all_of(snapshot.uppers.begin(), snapshot.uppers.end(),
                     [](const Upper& upper) { return upper.mode == UpperMode::bridge; });
}

}  // namespace

Rules rules_of(const FilterSet& filter, const MacAddress& device_address) {
  Rules rules;
  rules.any_vlan = !filter.vlans;
  rules.vlans = filter.vlans.value_or(VlanSet{});
  rules.any_address = !filter.addresses || filter.addresses->flags.promisc;
  if (filter.addresses) {
    const auto& [flags, unicast, multicast] = *filter.addresses;
    rules.broadcast = flags.broadcast;
    rules.allmulti = flags.allmulti;
    rules.addresses = unicast;
    rules.addresses.insert(device_address);
    if (flags.multicast) rules.addresses.insert(multicast.begin(), multicast.end());
  }
  return canonical(std::move(rules));
}

LowerdevPlan plan(const Snapshot& snapshot) {
  LowerdevPlan result = {.early = early_drop(snapshot)};
  for (const Upper& upper : snapshot.uppers)
    if (!upper.filter.unfiltered())
      result.uppers[upper.ifindex] = {
          .guard = guard_rules(snapshot, upper),
          .kernel = kernel_lists(upper, snapshot.unicast_filter),
          .steered = delivers_by_own_address(upper.mode) ? further_unicast(upper) : AddressSet{},
          .steer_egress = all_in_bridge_mode(snapshot)};
  return result;
}

Rules union_of(const Rules& a, const Rules& b) {
  Rules both = a;
  both.any_vlan |= b.any_vlan;
  both.any_address |= b.any_address;
  both.broadcast |= b.broadcast;
  both.allmulti |= b.allmulti;
  both.addresses.insert(b.addresses.begin(), b.addresses.end());
  both.vlans |= b.vlans;
  return canonical(std::move(both));
}

HostRules union_of(const HostRules& a, const HostRules& b) {
  HostRules both = a;
  both.groups |= b.groups;
  both.addresses.insert(b.addresses.begin(), b.addresses.end());
  both.vlans |= b.vlans;
  return both;
}

}  // namespace rxf
