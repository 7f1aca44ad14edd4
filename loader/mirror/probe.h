// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/datapath/device_view.h"
#include "loader/datapath/kernel_support.h"
#include "loader/datapath/xdp_program.h"
#include "loader/mirror/hook_choice.h"
#include "loader/netlink/ethtool.h"
#include "loader/netlink/netdev.h"

namespace rxf::mirror {

// What `attach` would do in mode auto.
struct AttachForecast {
  EarlyHook early = EarlyHook::tc;
  std::string reason;              // to be printed before "-> early drop: ..."
  std::optional<bool> dispatcher;  // XDP: through libxdp's dispatcher, or alone; absent at tc
  bool judges_vlan = false;        // the early drop sees every VLAN tag
};

// What a device and this kernel can do. What could not be found out is an error, whose text says why.
struct ProbeReport {
  std::string device;
  std::uint32_t ifindex = 0;
  std::string kind;  // IFLA_INFO_KIND; empty for a NIC
  Result<std::string> driver;
  Result<std::uint32_t> mtu;
  Result<void> lower;  // the error: why it cannot be a lower device
  Result<bool> attached;
  Result<std::vector<std::string>> orphans;  // on it or its uppers (orphans.h), each with the next step

  Result<datapath::DeviceView> view;
  Result<netlink::Feature> vlan_filter;
  Result<netlink::Feature> vlan_stripping;
  Result<netlink::XdpFeatures> xdp;      // native
  Result<std::string> lost_offload;      // under native XDP; empty: none
  bool restarts_for_xdp = false;         // the driver closes and opens the device when native XDP comes or goes
  std::optional<std::uint32_t> xdp_mtu;  // the largest with native XDP, where the driver is known to have a limit
  Result<datapath::XdpState> programs;   // on the XDP hook now
  bool replaces_xdp = false;             // among them is an early drop of ours, of another attach: it would be replaced

  std::string kernel;       // release
  std::uint32_t sight = 0;  // RXF_SIGHT_*: how the programs read the device
  Result<datapath::Lockdown> lockdown;
  Result<void> dispatcher;  // libxdp's; the error: why not

  Result<AttachForecast> attach;  // the error: why it would be refused
};

// Fills in what follows from the rest of the report for a device with these traits: what native XDP costs, and
// `attach`.
void conclude(ProbeReport& report, const Result<DeviceTraits>& traits);

// Read-only: nothing on the device changes and nothing stays behind. For every sort of device, attached or not. Errors:
// no such device, no privilege.
Result<ProbeReport> probe(const Context& context, const std::string& device);

}  // namespace rxf::mirror
