// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/early_hook.h"

#include <algorithm>
#include <cerrno>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/tc_filter.h"
#include "loader/datapath/xdp_program.h"
#include "loader/netlink/clsact.h"
#include "loader/netlink/ethtool.h"

namespace rxf::mirror {
namespace {

// operations.h gives them the numbers of the maps.
static_assert(static_cast<int>(EarlyHook::none) == RXF_HOOK_NONE && static_cast<int>(EarlyHook::tc) == RXF_HOOK_TC &&
              static_cast<int>(EarlyHook::xdp_native) == RXF_HOOK_XDP_NATIVE &&
              static_cast<int>(EarlyHook::xdp_generic) == RXF_HOOK_XDP_GENERIC);
static_assert(static_cast<int>(AttachMode::auto_) == RXF_HOOK_NONE && static_cast<int>(AttachMode::tc) == RXF_HOOK_TC &&
              static_cast<int>(AttachMode::native) == RXF_HOOK_XDP_NATIVE &&
              static_cast<int>(AttachMode::generic) == RXF_HOOK_XDP_GENERIC);

template <class T>
std::uint32_t value_of(T hook_or_mode) {
  return static_cast<std::uint32_t>(hook_or_mode);
}

Result<bool> is_ours(const Lowerdev& device, std::uint32_t program_id) {
  return datapath::uses_map(program_id, device.maps.rules_map_id());
}

// Our XDP program on the device, noted or not: 0 where there is none.
Result<std::uint32_t> find_xdp(const Lowerdev& device, const datapath::XdpState& state) {
  for (const datapath::XdpEntry& entry : state.programs) {
    const auto ours = is_ours(device, entry.id);
    if (!ours) return std::unexpected(ours.error());
    if (*ours) return entry.id;
  }
  return 0;
}

Result<void> leave_xdp(Lowerdev& device) {
  const auto state = datapath::query_xdp(device.link.ifindex);
  if (!state) return std::unexpected(state.error());
  const auto id = find_xdp(device, *state);
  if (!id) return std::unexpected(id.error());
  return *id == 0 ? Result<void>{} : datapath::detach_xdp(device.link.ifindex, *id);
}

Result<void> leave_tc(Lowerdev& device, const rxf_meta& meta) {
  const auto found = datapath::find_tc(device.link.ifindex, device.maps.rules_map_id());
  if (!found) return std::unexpected(found.error());
  if (found->prog_id != 0)
    if (auto done = datapath::detach_tc(device.link.ifindex, *found); !done) return done;
  return meta.early.made_qdisc == 0 ? Result<void>{} : netlink::remove_empty_clsact(device.host.socket, device.link);
}

// What is noted in `meta` first, so that an interrupted attach is found and undone.
Result<void> enter_tc(Lowerdev& device, rxf_meta& meta) {
  const auto object = datapath::load_object(datapath::embedded_object(), datapath::kEarlyTcProgram, {.stand_down = 1},
                                            device.pins.path());
  if (!object) return std::unexpected(object.error());
  const auto previous = datapath::find_tc(device.link.ifindex, device.maps.rules_map_id());
  if (!previous) return std::unexpected(previous.error());
  const auto has_hook = netlink::has_ingress_hook(device.host.socket, device.link);
  if (!has_hook) return std::unexpected(has_hook.error());
  const std::uint32_t made_qdisc = *has_hook ? meta.early.made_qdisc : 1;
  meta.early = *previous;
  meta.early.made_qdisc = made_qdisc;
  if (auto done = device.maps.put_meta(meta); !done) return done;
  const int fd = datapath::program_fd(*object, datapath::kEarlyTcProgram);
  const auto filter = datapath::attach_tc(device.link.ifindex, fd, meta.early);
  if (!filter) return std::unexpected(filter.error());
  meta.early = *filter;
  return {};
}

Result<void> enter_xdp(Lowerdev& device, rxf_meta& meta, EarlyHook hook, bool judges) {
  // A device has one XDP mode at a time, and one program without a dispatcher: the guards are exact meanwhile.
  if (auto left = leave_xdp(device); !left) return left;
  const auto object =
      datapath::open_object(datapath::embedded_object(), datapath::kEarlyXdpProgram,
                            {.judge_frame_vlan = judges ? 1U : 0U, .stand_down = 1}, device.pins.path());
  if (!object) return std::unexpected(object.error());
  const auto mode = hook == EarlyHook::xdp_native ? datapath::XdpMode::native : datapath::XdpMode::generic;
  const auto id = datapath::attach_xdp(device.link.ifindex, *object, mode);
  if (!id) return std::unexpected(id.error());
  meta.xdp_prog_id = *id;
  return {};
}

Result<void> enter(Lowerdev& device, rxf_meta& meta, EarlyHook hook, bool judges) {
  auto done = hook == EarlyHook::tc ? enter_tc(device, meta) : enter_xdp(device, meta, hook, judges);
  if (!done) return done;
  meta.early_hook = value_of(hook);
  meta.judges_vlan = judges ? 1 : 0;
  return device.maps.put_meta(meta);
}

Result<void> leave_others(Lowerdev& device, rxf_meta& meta, EarlyHook hook) {
  auto done = hook == EarlyHook::tc ? leave_xdp(device) : leave_tc(device, meta);
  if (!done) return done;
  if (hook == EarlyHook::tc)
    meta.xdp_prog_id = 0;
  else
    meta.early = {};
  return device.maps.put_meta(meta);
}

// Loads the program only to learn its tag; the kernel computes it from the instructions.
Result<bool> is_current(const Lowerdev& device, const rxf_meta& meta) {
  const bool tc = meta.early_hook == RXF_HOOK_TC;
  const char* name = tc ? datapath::kEarlyTcProgram : datapath::kEarlyXdpProgram;
  const rxf_config config{.judge_frame_vlan = tc ? 0 : meta.judges_vlan, .stand_down = 1};
  const auto object = datapath::load_object(datapath::embedded_object(), name, config, device.pins.path());
  if (!object) return std::unexpected(object.error());
  return datapath::same_instructions(tc ? meta.early.prog_id : meta.xdp_prog_id, datapath::program_fd(*object, name));
}

}  // namespace

Result<DeviceTraits> traits_of(const netlink::Link& link) {
  const auto driver = netlink::driver(link);
  if (!driver) return std::unexpected(driver.error());
  const auto features = netlink::active_features(link);
  if (!features) return std::unexpected(features.error());
  return DeviceTraits{.name = link.name, .kind = link.kind, .driver = *driver, .features = *features};
}

AttachMode requested_mode(const rxf_meta& meta) {
  return meta.requested_mode <= RXF_HOOK_XDP_GENERIC ? static_cast<AttachMode>(meta.requested_mode) : AttachMode::auto_;
}

Result<EarlyState> early_state(const Lowerdev& device, const rxf_meta& meta) {
  if (meta.early_hook == RXF_HOOK_NONE) return EarlyState{};
  if (meta.early_hook == RXF_HOOK_TC) {
    const auto id = datapath::query_tc(device.link.ifindex, meta.early);
    if (!id) return std::unexpected(id.error());
    return *id != 0 && *id == meta.early.prog_id ? EarlyState{.hook = EarlyHook::tc} : EarlyState{};
  }
  const auto state = datapath::query_xdp(device.link.ifindex);
  if (!state) return std::unexpected(state.error());
  if (!state->has(meta.xdp_prog_id)) return EarlyState{};
  return EarlyState{.hook = *state->mode == datapath::XdpMode::generic ? EarlyHook::xdp_generic : EarlyHook::xdp_native,
                    .dispatcher = state->dispatcher};
}

Result<bool> ensure_early_drop(Lowerdev& device, AttachMode mode, std::vector<std::string>& notes) {
  const auto traits = traits_of(device.link);
  if (!traits) return std::unexpected(traits.error());
  const auto choice = choose_hook(*traits, mode);
  if (!choice) return std::unexpected(choice.error());
  auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const auto now = early_state(device, *meta);
  if (!now) return std::unexpected(now.error());

  const bool same_judgement = (meta->judges_vlan != 0) == judges_vlan(*traits, now->hook);
  const bool fell_back = choice->may_fall_back && now->hook == EarlyHook::tc;
  if (now->hook != EarlyHook::none && (now->hook == choice->hook || fell_back) && same_judgement) {
    const auto current = is_current(device, *meta);
    if (!current) return std::unexpected(current.error());
    if (*current && meta->requested_mode == value_of(mode)) return false;
  }
  meta->requested_mode = value_of(mode);
  EarlyHook hook = choice->hook;
  auto entered = enter(device, *meta, hook, judges_vlan(*traits, hook));
  if (!entered && choice->may_fall_back && entered.error().code != EBUSY) {
    notes.push_back("native XDP refused (" + entered.error().text + "): early drop at tc instead");
    hook = EarlyHook::tc;
    entered = enter(device, *meta, hook, true);
  }
  if (!entered) return std::unexpected(entered.error());
  if (auto left = leave_others(device, *meta, hook); !left) return std::unexpected(left.error());
  return true;
}

Result<void> remove_early_drop(Lowerdev& device) {
  const auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  if (auto left = leave_xdp(device); !left) return left;
  return leave_tc(device, *meta);
}

}  // namespace rxf::mirror
