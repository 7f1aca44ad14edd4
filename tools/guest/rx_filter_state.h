// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "loader/model/filter_set.h"

namespace rxf::guest {

// How much of a class of frames QEMU lets through (RxState of qapi/net.json).
enum class RxMode { none, normal, all };

// What one NIC of a guest lets through, as QEMU's query-rx-filter tells it (RxFilterInfo of qapi/net.json). Not in it
// is "broadcast-allowed", which QEMU reports inverted.
struct RxFilterState {
  // Of a table. QEMU keeps 64 in both together.
  static constexpr std::size_t kMaxAddresses = FilterSet::kMaxAddresses;
  static constexpr std::size_t kMaxName = 255;

  std::string name;  // of the NIC in QEMU: not empty, printable
  bool promiscuous = false;
  RxMode unicast = RxMode::normal;
  RxMode multicast = RxMode::normal;
  RxMode vlan = RxMode::normal;
  bool unicast_overflow = false;  // more than QEMU keeps: the table is empty then
  bool multicast_overflow = false;
  // The guest's own words, which QEMU does not check: any address may be in any of them.
  MacAddress main_mac;
  AddressSet unicast_table;
  AddressSet multicast_table;
  VlanSet vlan_table;  // without VID 0, which asks for priority-tagged frames only, and 4095

  bool operator==(const RxFilterState&) const = default;
};

// One member of the list that query-rx-filter returns. An error names the member that is missing or of a wrong type or
// value. Other members are skipped.
Result<RxFilterState> decode_rx_filter(const nlohmann::json& entry);

}  // namespace rxf::guest
