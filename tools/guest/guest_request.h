// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "tools/guest/rx_filter_state.h"

namespace rxf::guest {

// What the NIC's model can tell of: properties of virtio-net, ctrl_rx and ctrl_vlan.
struct NicAbility {
  bool addresses = true;
  bool vlans = true;

  bool operator==(const NicAbility&) const = default;
};

// What the states themselves do not tell: QEMU announces no reset of a NIC alone (its driver unbound, or bound anew),
// and an empty table may be one that was never set. It begins anew with each connection to QEMU and each reset.
struct GuestHistory {
  bool spoken = false;  // NIC_RX_FILTER_CHANGED has come since
  bool listed = false;  // a table was not empty since: now an empty one is meant

  bool operator==(const GuestHistory&) const = default;

  // To be called with each state, in the order of the answers, before request_of() is: the state of power-on begins a
  // new history.
  void saw(const RxFilterState& state, const NicAbility& ability);
};

// What a guest asks for, before anybody has judged it.
struct GuestRequest {
  bool silent = false;   // its driver has not spoken since the last reset: what follows is what is safe meanwhile
  MacAddress main_mac;   // as the guest set it: it may be a group address, or zero
  bool promisc = false;  // beside it, the rest is what counts where promisc is not granted
  bool any_unicast = false;
  AddressSet unicast;          // all pass check_unicast(); without main_mac, unless the guest listed it
  bool any_multicast = false;  // `multicast` has what is known by name all the same
  AddressSet multicast;        // all pass check_multicast()
  bool any_vlan = false;       // `vlans` is empty then
  VlanSet vlans;

  bool operator==(const GuestRequest&) const = default;
};

// The state of a NIC that was reset and whose driver has said nothing: promiscuous, any VLAN, empty tables.
[[nodiscard]] bool is_silent(const RxFilterState& state, const NicAbility& ability, const GuestHistory& history);

// What `state` asks for. A guest that is silent asks for its own address, broadcast and all multicast, and for untagged
// frames alone - or any VLAN where its NIC could never tell which. A guest that has spoken and never set a table (some
// drivers never do) asks for all multicast. What QEMU's own filter never lets in whatever a table says, a group address
// in the unicast table and the like, is left out, and so is broadcast, which is always granted.
[[nodiscard]] GuestRequest request_of(const RxFilterState& state, const NicAbility& ability,
                                      const GuestHistory& history);

}  // namespace rxf::guest
