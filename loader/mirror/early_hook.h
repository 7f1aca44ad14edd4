// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/mirror/hook_choice.h"
#include "loader/mirror/lowerdev.h"

namespace rxf::mirror {

Result<DeviceTraits> traits_of(const netlink::Link& link);

// What stands in the way on that hook: error EBUSY, by name and id, where a program that is not ours stands alone
// there.
Result<void> check_room(const netlink::Link& link, const datapath::PinDirectory& pins, EarlyHook hook);

// The hook where the early drop is now, by what is attached: none where somebody removed it.
struct EarlyState {
  EarlyHook hook = EarlyHook::none;
  bool dispatcher = false;
};
Result<EarlyState> early_state(const Lowerdev& device, const rxf_meta& meta);

// What the early drop at XDP is loaded with; `may_judge`: may_judge_vlan().
rxf_config early_xdp_config(bool may_judge);

// Brings the early drop to where `mode` puts it, without a moment when nothing drops early: what is there and current
// stays, another version is replaced in one step, a new place is taken before the old one is left. After an error the
// old one is still there. The rules are in the maps already. Returns whether anything changed.
Result<bool> ensure_early_drop(Lowerdev& device, AttachMode mode, std::vector<std::string>& notes);

// Takes the early drop off the device and leaves everything else there.
Result<void> remove_early_drop(Lowerdev& device);

// RXF_HOOK_* of the pins as a mode; auto for a number that is none.
AttachMode requested_mode(std::uint32_t number);
inline AttachMode requested_mode(const rxf_meta& meta) { return requested_mode(meta.requested_mode); }

}  // namespace rxf::mirror
