// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/rule_writer.h"

#include <cerrno>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace rxf::datapath {
namespace {

// What a slot holds, as bits, addresses and VLANs.
struct SlotContent {
  std::uint64_t rules = 0;
  AddressSet addresses;
  VlanSet vlans;

  bool operator==(const SlotContent&) const = default;
};

SlotContent content_of(const Rules& rules) {
  SlotContent content{.rules = RXF_RULE_IN_USE, .addresses = rules.addresses, .vlans = rules.vlans};
  if (rules.any_vlan) content.rules |= RXF_RULE_ANY_VLAN;
  if (rules.any_address) content.rules |= RXF_RULE_ANY_ADDRESS;
  if (rules.broadcast) content.rules |= RXF_RULE_BROADCAST;
  if (rules.allmulti) content.rules |= RXF_RULE_ALLMULTI;
  return content;
}

SlotContent content_of(const HostRules& host) {
  SlotContent content{.rules = RXF_RULE_IN_USE, .addresses = host.addresses, .vlans = host.vlans};
  if (host.groups) content.rules |= RXF_RULE_HOST_GROUPS;
  if (!host.addresses.empty()) content.rules |= RXF_RULE_HOST_ADDRESSES;
  if (!host.vlans.empty()) content.rules |= RXF_RULE_HOST_VLANS;
  return content;
}

std::string vlan_text(const SlotContent& content) {
  return (content.rules & RXF_RULE_ANY_VLAN) != 0 ? "all" : to_string(content.vlans);
}

class Writer {
 public:
  Writer(RuleMaps& maps, const DesiredRules& desired) : maps_(maps), desired_(desired) {}

  Result<void> run(const std::function<Result<void>()>& wait);

 private:
  // A slot of the early drop is changed in place.
  struct InPlace {
    std::uint32_t slot;
    SlotContent desired;
  };
  struct Switch {
    std::uint32_t index;
    std::uint32_t slot;
    std::uint32_t ifindex;
  };

  SlotContent current(std::uint32_t slot) const;
  Result<void> insert_all(std::uint32_t slot, const AddressSet& addresses, std::uint32_t ifindex);
  Result<void> erase_all(std::uint32_t slot, const AddressSet& addresses);
  Result<void> grow(const InPlace& slot);
  Result<void> shrink(const InPlace& slot);
  Result<void> build_guards();
  Result<std::uint32_t> build(const GuardRules& guard, const SlotContent& content);
  Result<void> claim_addresses();
  Result<void> release_addresses();
  [[nodiscard]] AddressSet surplus_claims() const;
  void switch_guards();
  [[nodiscard]] bool is_free(std::uint32_t slot) const;
  [[nodiscard]] std::set<std::uint32_t> stale_slots() const;
  Result<void> empty(std::uint32_t slot);

  RuleMaps& maps_;
  const DesiredRules& desired_;
  std::map<std::uint32_t, AddressSet> addresses_;  // what `addresses` holds, by slot; kept in step
  std::map<MacAddress, rxf_steering> claims_;      // what `steering` holds; kept in step
  std::vector<Switch> switches_;
};

SlotContent Writer::current(std::uint32_t slot) const {
  const auto found = addresses_.find(slot);
  return {.rules = maps_.rules(slot),
          .addresses = found == addresses_.end() ? AddressSet{} : found->second,
          .vlans = maps_.vlans(slot)};
}

Result<void> Writer::insert_all(std::uint32_t slot, const AddressSet& addresses, std::uint32_t ifindex) {
  for (const MacAddress& address : addresses) {
    if (auto done = maps_.insert(slot, address, ifindex); !done) return done;
    addresses_[slot].insert(address);
  }
  return {};
}

Result<void> Writer::erase_all(std::uint32_t slot, const AddressSet& addresses) {
  for (const MacAddress& address : addresses) {
    if (auto done = maps_.erase(slot, address); !done) return done;
    addresses_[slot].erase(address);
  }
  return {};
}

// Everything that is to be there is there before the rules that stand in for it ("any") can go.
Result<void> Writer::grow(const InPlace& slot) {
  const SlotContent now = current(slot.slot);
  if (auto done = insert_all(slot.slot, difference(slot.desired.addresses, now.addresses), 0); !done) return done;
  VlanSet vlans = now.vlans;
  vlans |= slot.desired.vlans;
  maps_.store_vlans(slot.slot, vlans);
  maps_.store_rules(slot.slot, now.rules | slot.desired.rules);
  return {};
}

Result<void> Writer::shrink(const InPlace& slot) {
  maps_.store_rules(slot.slot, slot.desired.rules);
  maps_.store_vlans(slot.slot, slot.desired.vlans);
  return erase_all(slot.slot, difference(current(slot.slot).addresses, slot.desired.addresses));
}

bool Writer::is_free(std::uint32_t slot) const {
  const auto found = addresses_.find(slot);
  return maps_.rules(slot) == 0 && (found == addresses_.end() || found->second.empty());
}

// Marked in use first: an interrupted build is then seen as a leftover. The rules come last, though nothing reads them
// before the switch, so that a slot with rules is a whole one.
Result<std::uint32_t> Writer::build(const GuardRules& guard, const SlotContent& content) {
  std::uint32_t slot = RXF_SLOT_FIRST_GUARD;
  while (slot < RXF_MAX_SLOTS && !is_free(slot)) ++slot;
  if (slot == RXF_MAX_SLOTS) return system_error(ENOSPC, "no free slot for the filter set");
  maps_.store_rules(slot, RXF_RULE_IN_USE);
  if (auto done = insert_all(slot, content.addresses, guard.ifindex); !done) return std::unexpected(done.error());
  maps_.store_vlans(slot, content.vlans);
  if (auto done = maps_.describe_vlans(slot, guard.ifindex, vlan_text(content)); !done)
    return std::unexpected(done.error());
  maps_.store_rules(slot, content.rules);
  return slot;
}

Result<void> Writer::build_guards() {
  std::set<std::uint32_t> kept;
  for (const GuardRules& guard : desired_.guards) {
    kept.insert(guard.index);
    const SlotContent content = content_of(guard.rules);
    const std::uint32_t active = maps_.active(guard.index);
    if (active != RXF_NO_SLOT && current(active) == content) continue;
    const auto slot = build(guard, content);
    if (!slot) return std::unexpected(slot.error());
    switches_.push_back({guard.index, *slot, guard.ifindex});
  }
  for (std::uint32_t index = 0; index < RXF_MAX_UPPERS; ++index)
    if (!kept.contains(index) && maps_.active(index) != RXF_NO_SLOT) switches_.push_back({index, RXF_NO_SLOT, 0});
  return {};
}

bool same(const rxf_steering& a, const rxf_steering& b) { return a.index == b.index && a.flags == b.flags; }

// Before the guards are switched: a claim does nothing until its upper's slot has the address. One that changes hands
// waits for the other to be released.
Result<void> Writer::claim_addresses() {
  for (const auto& [address, claim] : desired_.steering) {
    if (claims_.contains(address)) continue;
    if (auto done = maps_.insert_steering(address, claim); !done) return done;
    claims_.emplace(address, claim);
  }
  return {};
}

AddressSet Writer::surplus_claims() const {
  AddressSet surplus;
  for (const auto& [address, claim] : claims_) {
    const auto desired = desired_.steering.find(address);
    if (desired == desired_.steering.end() || !same(desired->second, claim)) surplus.insert(address);
  }
  return surplus;
}

Result<void> Writer::release_addresses() {
  for (const MacAddress& address : surplus_claims()) {
    if (auto done = maps_.erase_steering(address); !done) return done;
    claims_.erase(address);
  }
  return claim_addresses();
}

void Writer::switch_guards() {
  for (const Switch& change : switches_) maps_.activate(change.index, change.slot, change.ifindex);
}

std::set<std::uint32_t> Writer::stale_slots() const {
  std::set<std::uint32_t> stale;
  for (std::uint32_t slot = RXF_SLOT_FIRST_GUARD; slot < RXF_MAX_SLOTS; ++slot)
    if (!is_free(slot)) stale.insert(slot);
  for (const auto& [slot, addresses] : addresses_)
    if (slot >= RXF_MAX_SLOTS && !addresses.empty()) stale.insert(slot);
  for (std::uint32_t index = 0; index < RXF_MAX_UPPERS; ++index) stale.erase(maps_.active(index));
  return stale;
}

// In use until the last: an interrupted emptying is seen as a leftover again.
Result<void> Writer::empty(std::uint32_t slot) {
  if (auto done = erase_all(slot, AddressSet(addresses_[slot])); !done) return done;
  if (slot >= RXF_MAX_SLOTS) return {};
  maps_.store_vlans(slot, {});
  if (auto done = maps_.forget_vlans(slot); !done) return done;
  maps_.store_rules(slot, 0);
  return {};
}

Result<void> Writer::run(const std::function<Result<void>()>& wait) {
  auto addresses = maps_.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  addresses_ = std::move(*addresses);
  auto claims = maps_.steering();
  if (!claims) return std::unexpected(claims.error());
  claims_ = std::move(*claims);
  // The union's rules send the program on to the host's slot: last when growing, first when shrinking.
  InPlace wanted{RXF_SLOT_UNION, content_of(desired_.wanted)};
  const InPlace host{RXF_SLOT_HOST, content_of(desired_.host)};
  if (desired_.host != HostRules{}) wanted.desired.rules |= RXF_RULE_HOST;

  const auto in_step = [&](const InPlace& slot) { return current(slot.slot) == slot.desired; };
  if (!in_step(wanted)) {
    if (auto done = maps_.describe_vlans(RXF_SLOT_UNION, 0, vlan_text(wanted.desired)); !done) return done;
  }
  for (const InPlace& slot : {host, wanted})
    if (auto done = grow(slot); !done) return done;
  if (auto done = build_guards(); !done) return done;
  if (auto done = claim_addresses(); !done) return done;
  maps_.store_sole(desired_.sole);
  switch_guards();

  const auto stale = stale_slots();
  if (stale.empty() && in_step(wanted) && in_step(host) && switches_.empty() && surplus_claims().empty()) return {};
  if (auto done = wait(); !done) return done;

  for (const InPlace& slot : {wanted, host})
    if (auto done = shrink(slot); !done) return done;
  for (const std::uint32_t slot : stale)
    if (auto done = empty(slot); !done) return done;
  return release_addresses();
}

}  // namespace

Result<void> write_rules(RuleMaps& maps, const DesiredRules& desired, const std::function<Result<void>()>& wait) {
  return Writer(maps, desired).run(wait);
}

}  // namespace rxf::datapath
