// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/policy.h"

#include <algorithm>

namespace rxf::guest {

namespace {

constexpr const char* kNotListed = "not in the list of the policy";
constexpr const char* kPromiscDenied = "the policy denies promiscuous mode";

// What every IP host listens to: all systems (RFC 1112), all nodes and the solicited-node group of the address that
// is made from the MAC (RFC 4291, 2.7.1; mapped by RFC 2464, 7).
AddressSet basic_groups(const MacAddress& mac) {
  const auto& b = mac.bytes;
  return {MacAddress{{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}}, MacAddress{{0x33, 0x33, 0x00, 0x00, 0x00, 0x01}},
          MacAddress{{0x33, 0x33, 0xff, b[3], b[4], b[5]}}};
}

// "VLAN 42", "VLANs 5,7-9"
std::string vlans_text(const VlanSet& vlans) { return (vlans.size() == 1 ? "VLAN " : "VLANs ") + to_string(vlans); }

// One judgement while it is made.
class Judge {
 public:
  Judge(const Policy& policy, const GuestRequest& request, const FilterSet& previous, const Owners& owners)
      : policy_(policy), request_(request), previous_(previous.addresses.value_or(AddressFilter{})), owners_(owners) {}

  Judgement judge(const MacAddress& configured) {
    addresses_.flags = {.broadcast = true, .promisc = promisc()};
    main_mac(configured);
    unicast();
    multicast();
    const FilterSet granted{.addresses = addresses_, .vlans = vlans()};
    return {granted, taken_refusals()};
  }

 private:
  void refuse(RefusalKind kind, std::string what, std::string why) {
    refusals_.push_back({kind, std::move(what), std::move(why)});
  }

  // There is no flag for "any unicast address" alone.
  bool promisc() {
    if (policy_.promisc) return request_.promisc || request_.any_unicast;
    if (request_.promisc) refuse(RefusalKind::promisc, "promiscuous", kPromiscDenied);
    if (request_.any_unicast) refuse(RefusalKind::unicast, "any address", kPromiscDenied);
    return false;
  }

  void main_mac(const MacAddress& configured) {
    const MacAddress& asked = request_.main_mac;
    if (check_unicast(configured)) addresses_.unicast.insert(configured);
    if (asked != configured && may_have(policy_.main_mac, RefusalKind::main_mac, asked))
      addresses_.unicast.insert(asked);
  }

  void unicast() {
    const AddressSet asked = difference(request_.unicast, addresses_.unicast);
    AddressSet candidates = allowed(policy_.unicast, RefusalKind::unicast, asked);
    if (request_.any_unicast && !addresses_.flags.promisc)
      add_quietly(candidates, policy_.unicast, RefusalKind::unicast, previous_.unicast);
    take(RefusalKind::unicast, policy_.unicast, difference(candidates, addresses_.unicast), previous_.unicast,
         addresses_.unicast);
  }

  void multicast() {
    // Who is promiscuous takes every group: where that is denied, all multicast is the nearest.
    const bool every = request_.any_multicast || (request_.promisc && !addresses_.flags.promisc);
    addresses_.flags.allmulti =
        policy_.all_multicast || (every && policy_.allmulti && policy_.multicast.allows_every());
    if (!policy_.all_multicast) multicast_list(every && !addresses_.flags.allmulti);
    addresses_.flags.multicast = addresses_.flags.allmulti || !addresses_.multicast.empty();
  }

  // `instead`: all multicast was asked for and may not be had.
  void multicast_list(bool instead) {
    AddressSet asked = request_.multicast;
    asked.erase(MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}});  // granted by its flag
    AddressSet candidates = allowed(policy_.multicast, RefusalKind::multicast, asked);
    if (instead) stand_in(candidates);
    take(RefusalKind::multicast, policy_.multicast, candidates, previous_.multicast, addresses_.multicast);
  }

  void stand_in(AddressSet& candidates) {
    if (request_.any_multicast)
      refuse(RefusalKind::allmulti, "all multicast",
             policy_.allmulti ? "the policy grants some multicast only" : "the policy denies it");
    const auto add = [&](const AddressSet& groups) {
      add_quietly(candidates, policy_.multicast, RefusalKind::multicast, groups);
    };
    for (const MacAddress& own : addresses_.unicast) add(basic_groups(own));
    for (const AddressPattern& one : policy_.multicast.allowed)
      if (one.bits == 48) add({one.address});
    // What a guest had before it was reset is not what it wants now.
    if (request_.any_multicast && !request_.silent) add(previous_.multicast);
  }

  std::optional<VlanSet> vlans() {
    const bool any = request_.any_vlan || (request_.promisc && policy_.promisc);
    if (!policy_.vlans) return any ? std::nullopt : std::optional(request_.vlans);
    if (any) {
      refuse(RefusalKind::vlan, "any VLAN", "the policy grants some VLANs only");
      return policy_.vlans;
    }
    VlanSet refused = request_.vlans;
    refused -= *policy_.vlans;
    if (!refused.empty()) refuse(RefusalKind::vlan, vlans_text(refused), kNotListed);
    VlanSet granted = request_.vlans;
    granted -= refused;
    return granted;
  }

  // Why `address` may not be had, or "".
  [[nodiscard]] std::string objection(const AddressRule& rule, RefusalKind kind, const MacAddress& address) const {
    const bool group = kind == RefusalKind::multicast;
    if (!(group ? check_multicast(address) : check_unicast(address)))
      return group ? "not a multicast address" : "not a unicast address";
    if (!rule.allows(address)) return kNotListed;
    const auto owner = group ? owners_.end() : owners_.find(address);
    return owner == owners_.end() ? "" : owner->second + " has it";
  }

  bool may_have(const AddressRule& rule, RefusalKind kind, const MacAddress& address) {
    const std::string why = objection(rule, kind, address);
    if (!why.empty()) refuse(kind, to_string(address), why);
    return why.empty();
  }

  AddressSet allowed(const AddressRule& rule, RefusalKind kind, const AddressSet& asked) {
    AddressSet allowed;
    for (const MacAddress& address : asked)
      if (may_have(rule, kind, address)) allowed.insert(address);
    return allowed;
  }

  // What nobody asked for by its name is no refusal.
  void add_quietly(AddressSet& candidates, const AddressRule& rule, RefusalKind kind, const AddressSet& more) const {
    for (const MacAddress& address : more)
      if (objection(rule, kind, address).empty()) candidates.insert(address);
  }

  // Into `list` as many as the limit and the room for all addresses permit: first what `before` has.
  void take(RefusalKind kind, const AddressRule& rule, const AddressSet& candidates, const AddressSet& before,
            AddressSet& list) {
    std::size_t left = std::min(rule.limit, room());
    const AddressSet fresh = difference(candidates, before);
    const auto take_from = [&](const AddressSet& some) {
      for (const MacAddress& address : some)
        if (left > 0)
          list.insert(address), --left;
        else
          refuse_surplus(kind, rule, address);
    };
    take_from(difference(candidates, fresh));
    take_from(fresh);
  }

  void refuse_surplus(RefusalKind kind, const AddressRule& rule, const MacAddress& address) {
    const AddressSet& asked = kind == RefusalKind::unicast ? request_.unicast : request_.multicast;
    if (!asked.contains(address)) return;
    const std::string limit = std::to_string(std::min(rule.limit, FilterSet::kMaxAddresses));
    refuse(kind, to_string(address), "more than " + limit + (limit == "1" ? " address" : " addresses"));
  }

  [[nodiscard]] std::size_t room() const {
    return FilterSet::kMaxAddresses - addresses_.unicast.size() - addresses_.multicast.size();
  }

  // What is received for being promiscuous is not refused, nor a group where all are granted.
  std::vector<Refusal> taken_refusals() {
    if (request_.silent) return {};
    const auto [promisc, allmulti] = std::pair(addresses_.flags.promisc, addresses_.flags.allmulti);
    std::erase_if(refusals_, [=](const Refusal& one) {
      if (one.kind == RefusalKind::unicast) return promisc;
      if (one.kind == RefusalKind::multicast) return promisc || allmulti;
      return one.kind == RefusalKind::allmulti && promisc;
    });
    std::ranges::sort(refusals_);
    return std::move(refusals_);
  }

  const Policy& policy_;
  const GuestRequest& request_;
  const AddressFilter previous_;
  const Owners& owners_;
  AddressFilter addresses_;
  std::vector<Refusal> refusals_;
};

}  // namespace

const char* to_string(RefusalKind kind) {
  switch (kind) {
    case RefusalKind::main_mac:
      return "main-mac";
    case RefusalKind::unicast:
      return "unicast";
    case RefusalKind::multicast:
      return "multicast";
    case RefusalKind::vlan:
      return "vlan";
    case RefusalKind::promisc:
      return "promisc";
    case RefusalKind::allmulti:
      return "allmulti";
  }
  return "";
}

Judgement judge(const Policy& policy, const MacAddress& configured, const GuestRequest& request,
                const FilterSet& previous, const Owners& owners) {
  return Judge(policy, request, previous, owners).judge(configured);
}

}  // namespace rxf::guest
