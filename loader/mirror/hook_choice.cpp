// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/hook_choice.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace rxf::mirror {
namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// A bond runs an XDP program in each slave, where LACP would be cut off; the others have no XDP of their own worth
// having.
bool aggregates(const DeviceTraits& device) { return one_of(device.kind, {"bond", "team", "bridge", "vlan"}); }

HookChoice automatic(const DeviceTraits& device, const std::string& what) {
  if (const std::string lost = lost_offload(device); !lost.empty())
    return {.reason = what + " would give up " + lost + " under native XDP"};
  if (!device.kind.empty()) return {.reason = what + " is a software device"};
  return {.hook = EarlyHook::xdp_native, .may_fall_back = true, .reason = what};
}

}  // namespace

std::string_view to_string(EarlyHook hook) {
  constexpr std::array<std::string_view, 4> kNames = {"none", "tc", "xdp-native", "xdp-generic"};
  return kNames.at(static_cast<std::size_t>(hook));
}

std::string lost_offload(const DeviceTraits& device) {
  if (one_of(device.driver, {"veth", "virtio_net"})) return "GSO";
  if (device.features.contains("rx-lro")) return "LRO";
  if (device.features.contains("rx-gro-hw")) return "hardware GRO";
  return "";
}

Result<HookChoice> choose_hook(const DeviceTraits& device, AttachMode mode) {
  const std::string what = !device.driver.empty() ? device.driver
                           : device.kind.empty()  ? "no driver name"
                                                  : device.kind;
  const bool wants_xdp = mode == AttachMode::native || mode == AttachMode::generic;
  if (device.filtered_by_kernel && mode == AttachMode::auto_)
    return HookChoice{.hook = EarlyHook::none, .reason = what + " filters by itself, as the kernel programs it"};
  if (aggregates(device)) {
    if (wants_xdp)
      return usage_error(device.name + " is a " + device.kind +
                         " device: its early drop runs at tc (--mode tc or auto)");
    return HookChoice{.reason = what + " takes no XDP program"};
  }
  if (mode == AttachMode::tc) return HookChoice{.reason = what + ", tc as asked"};
  if (mode == AttachMode::generic)
    return HookChoice{.hook = EarlyHook::xdp_generic, .reason = what + ", generic XDP as asked"};
  if (mode == AttachMode::native)
    return HookChoice{.hook = EarlyHook::xdp_native, .reason = what + ", native XDP as asked"};
  return automatic(device, what);
}

bool judges_vlan(const DeviceTraits& device, EarlyHook hook) {
  if (hook == EarlyHook::tc) return true;
  return may_judge_vlan(device, hook) && !device.features.contains("rx-vlan-hw-parse") &&
         !device.features.contains("rx-vlan-stag-hw-parse");
}

// A veth, and what is like it, hands over somebody else's skb, tag in metadata or not, whatever its own features say.
bool may_judge_vlan(const DeviceTraits& device, EarlyHook hook) {
  return hook == EarlyHook::tc || device.kind.empty() || device.driver == "tun";
}

}  // namespace rxf::mirror
