// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/guest_request.h"

namespace rxf::guest {
namespace {

bool is_listed(const RxFilterState& state) {
  return !state.unicast_table.empty() || !state.multicast_table.empty() || state.unicast_overflow ||
         state.multicast_overflow;
}

// No driver has set a mode or a table; CTRL_RX PROMISC is what the reset itself leaves.
bool is_bare(const RxFilterState& state) {
  return state.promiscuous && state.unicast == RxMode::normal && state.multicast == RxMode::normal && !is_listed(state);
}

// The driver that finds CTRL_VLAN offered and takes it ends this state without a word. A NIC that does not offer it
// stays so, whoever drives it.
bool is_power_on(const RxFilterState& state, const NicAbility& ability) {
  return is_bare(state) && state.vlan == RxMode::all && ability.vlans;
}

AddressSet sound(const AddressSet& table, Result<void> (*check)(const MacAddress&)) {
  AddressSet kept;
  for (const MacAddress& address : table) {
    if (check(address)) kept.insert(kept.end(), address);
  }
  return kept;
}

void ask_for_vlans(const RxFilterState& state, GuestRequest& request) {
  request.any_vlan = state.vlan == RxMode::all;
  if (state.vlan == RxMode::normal) request.vlans = state.vlan_table;
}

// Unicast "none" is not looked at: its own address always counts. It leaves the table as it is.
void ask_for_unicast(const RxFilterState& state, GuestRequest& request) {
  request.any_unicast = state.unicast == RxMode::all || state.unicast_overflow;
  request.unicast = sound(state.unicast_table, check_unicast);
}

void ask_for_multicast(const RxFilterState& state, bool never_listed, GuestRequest& request) {
  if (state.multicast == RxMode::none) return;
  request.any_multicast = state.multicast == RxMode::all || state.multicast_overflow || never_listed;
  request.multicast = sound(state.multicast_table, check_multicast);
}

}  // namespace

void GuestHistory::saw(const RxFilterState& state, const NicAbility& ability) {
  if (is_power_on(state, ability)) *this = {};
  listed = listed || is_listed(state);
}

// The state of power-on is silent whatever has come before: a driver that was unbound leaves it so, with the event of
// what it did last. That its NIC has left it again is not announced either.
bool is_silent(const RxFilterState& state, const NicAbility& ability, const GuestHistory& history) {
  return is_power_on(state, ability) || (is_bare(state) && !history.spoken);
}

GuestRequest request_of(const RxFilterState& state, const NicAbility& ability, const GuestHistory& history) {
  GuestRequest request{.silent = is_silent(state, ability, history), .main_mac = state.main_mac};
  if (request.silent) {
    request.any_multicast = true;
    request.any_vlan = !ability.vlans;
    return request;
  }
  // A NIC without CTRL_RX is promiscuous for good: nobody asked for that.
  request.promisc = state.promiscuous && ability.addresses;
  ask_for_vlans(state, request);
  ask_for_unicast(state, request);
  ask_for_multicast(state, !ability.addresses || !(history.listed || is_listed(state)), request);
  return request;
}

}  // namespace rxf::guest
