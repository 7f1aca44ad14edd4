// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/model/filter_set.h"

namespace rxf {

// MACVLAN_MODE_* of <linux/if_link.h>.
enum class UpperMode { private_, vepa, bridge, passthru, source };

// "private", "vepa", "bridge", "passthru", "source"
[[nodiscard]] std::string_view to_string(UpperMode mode);

// A macvlan or macvtap on the lower device.
struct Upper {
  std::uint32_t ifindex = 0;
  std::string name;
  MacAddress address;
  UpperMode mode = UpperMode::bridge;
  FilterSet filter;             // unfiltered() where none is programmed
  bool kept_by_kernel = false;  // the kernel has the filter set itself, and takes its own lists from it

  bool operator==(const Upper&) const = default;
};

// A device on the lower device that is no upper: a VLAN device.
struct OtherDevice {
  std::string name;
  MacAddress address;

  bool operator==(const OtherDevice&) const = default;
};

// Everything that decides about one lower device, at one moment.
struct Snapshot {
  std::uint32_t ifindex = 0;
  std::string name;
  MacAddress address;
  AddressSet unicast;               // the lower device's whole unicast list, foreign uppers' addresses included
  VlanSet vlan_devices;             // VIDs of VLAN devices on the lower device, 802.1Q and 802.1ad
  AddressSet listed_by_us;          // of `unicast`: what is there for the claims of uppers
  std::vector<OtherDevice> others;  // visible in this namespace
  std::vector<Upper> uppers;        // visible in this namespace, by ifindex
  bool can_stand_down = false;      // the early drop can see for itself who else listens
  bool unicast_filter = false;      // the lower device has one (IFF_UNICAST_FLT)
};

}  // namespace rxf
