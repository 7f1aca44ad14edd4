// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <set>
#include <string>

#include "loader/mirror/operations.h"
#include "loader/netlink/links.h"

namespace rxf::mirror {

// What decides where the early drop runs.
struct DeviceTraits {
  std::string name;
  std::string kind;  // IFLA_INFO_KIND; empty for a NIC
  std::string driver;
  std::set<std::string> features;   // active offloads
  bool filtered_by_kernel = false;  // the kernel programs its filters from the uppers' sets, and it has some
};

// The hook to take, and why, to be printed before "-> early drop: ...".
struct HookChoice {
  EarlyHook hook = EarlyHook::tc;
  bool may_fall_back = false;  // auto: tc where the driver refuses XDP
  std::string reason;
};

// The offload that native XDP would cost the device, or "".
std::string lost_offload(const DeviceTraits& device);

// Docs/semantics.md, "What the lower device's ability decides". Usage error where the mode asked for cannot work.
Result<HookChoice> choose_hook(const DeviceTraits& device, AttachMode mode);

// Whether a program on that hook sees the outermost VLAN tag of every frame, as the device's features are now.
bool judges_vlan(const DeviceTraits& device, EarlyHook hook);

// The same for features under which the driver strips no tag: whether it strips one the programs ask the device
// themselves.
bool may_judge_vlan(const DeviceTraits& device, EarlyHook hook);

}  // namespace rxf::mirror
