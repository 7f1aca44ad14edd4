// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "loader/model/snapshot.h"

namespace rxf {

// What one slot holds: a filter set as the packet path sees it.
struct Rules {
  bool any_vlan = false;
  bool any_address = false;
  bool broadcast = false;
  bool allmulti = false;
  AddressSet addresses;  // unicast and multicast
  VlanSet vlans;         // empty where any_vlan

  bool operator==(const Rules&) const = default;
};

// What the early drop passes for the host, whatever the union says. Link-local control is always passed besides.
struct HostRules {
  bool groups = false;   // broadcast and all multicast
  AddressSet addresses;  // on any VLAN
  VlanSet vlans;         // to any address

  bool operator==(const HostRules&) const = default;
};

struct EarlyDropPlan {
  Rules wanted;  // union of what every upper wants; any_vlan && any_address: drops nothing
  HostRules host;
  std::uint32_t sole = 0;  // ifindex of the PASSTHRU upper that is the only receiver; 0: others receive too
  std::string reason;      // one sentence: why it is as it is

  bool operator==(const EarlyDropPlan&) const = default;
  [[nodiscard]] bool drops_nothing() const { return wanted.any_vlan && wanted.any_address; }
};

// What the kernel's own lists of one upper must hold.
struct KernelLists {
  AddressSet unicast;     // PASSTHRU: fdb entries on the upper
  AddressSet multicast;   // references on the upper: macvlan drops unjoined multicast behind the guard
  AddressSet below;       // other modes: fdb entries on the lower device, where it has a unicast filter
  bool allmulti = false;  // IFF_ALLMULTI on the upper

  bool operator==(const KernelLists&) const = default;
};

struct UpperPlan {
  Rules guard;  // without the own address, where the programs read that from the device
  KernelLists kernel;
  AddressSet steered;         // further unicast addresses, which macvlan does not deliver
  bool steer_egress = false;  // also what the host and siblings send to them

  bool operator==(const UpperPlan&) const = default;
};

struct LowerdevPlan {
  EarlyDropPlan early;
  std::map<std::uint32_t, UpperPlan> uppers;  // by ifindex; filtered ones only

  bool operator==(const LowerdevPlan&) const = default;
};

// The rules that enforce one filter set exactly. Broadcast is not in `addresses`; a multicast list counts only with
// the multicast flag; addresses are left out where any_address makes them meaningless.
[[nodiscard]] Rules rules_of(const FilterSet& filter, const MacAddress& device_address);

// Desired state as a pure function of the snapshot (docs/semantics.md, "What the early drop must let through").
[[nodiscard]] LowerdevPlan plan(const Snapshot& snapshot);

// The smallest rules that accept whatever `a` or `b` accepts.
[[nodiscard]] Rules union_of(const Rules& a, const Rules& b);
[[nodiscard]] HostRules union_of(const HostRules& a, const HostRules& b);

}  // namespace rxf
