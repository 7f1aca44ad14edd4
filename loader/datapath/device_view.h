// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

#include "loader/model/result.h"

namespace rxf::datapath {

// What the kernel's net_device says at one instant, most of which netlink does not tell.
struct DeviceView {
  bool unicast_filter = false;  // IFF_UNICAST_FLT: the device filters by its unicast list
  std::uint32_t promiscuity = 0;
  std::uint32_t allmulti = 0;
  bool uc_promisc = false;            // one count of the promiscuity: it has a unicast list and no filter for it
  bool rx_handler = false;            // a macvlan, bridge, bond, ... takes its frames
  std::uint32_t unicast_entries = 0;  // of its list, without its own address
  std::uint32_t vlan_devices = 0;     // 802.1Q and 802.1ad, in any namespace

  bool operator==(const DeviceView&) const = default;
};

// Looks at a device of the calling thread's network namespace, with a BPF program that is run once (BPF_PROG_TEST_RUN)
// nothing on the device changes. The program stays loaded as long as the process; Works for every sort of device, up or
// down. Error ENOTSUP, with the reason, where this kernel lets no program look; ENODEV where there is no such device.
Result<DeviceView> view_device(std::uint32_t ifindex);

}  // namespace rxf::datapath
