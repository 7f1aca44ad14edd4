// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/early_hook.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/kernel_types.h"
#include "loader/datapath/own_programs.h"
#include "loader/datapath/pin_identity.h"
#include "loader/datapath/program_config.h"
#include "loader/datapath/xdp_program.h"
#include "loader/mirror/tc_attachment.h"
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

// What is on the XDP hook, and which of it is ours. Ids of ours: the one to keep first, then what an interrupted
// command left beside it.
struct XdpPlace {
  datapath::XdpState state;
  std::vector<std::uint32_t> ours;
};

EarlyHook hook_of(datapath::XdpMode mode) {
  return mode == datapath::XdpMode::native ? EarlyHook::xdp_native : EarlyHook::xdp_generic;
}

datapath::XdpMode mode_of(EarlyHook hook) {
  return hook == EarlyHook::xdp_native ? datapath::XdpMode::native : datapath::XdpMode::generic;
}

// By the maps it uses, noted or not.
Result<XdpPlace> xdp_place(const Lowerdev& device, std::uint32_t noted) {
  auto state = datapath::query_xdp(device.link.ifindex);
  if (!state) return std::unexpected(state.error());
  XdpPlace place{.state = std::move(*state)};
  for (const datapath::XdpEntry& entry : place.state.programs) {
    const auto ours = datapath::uses_map(entry.id, device.maps.rules_map_id());
    if (!ours) return std::unexpected(ours.error());
    if (*ours) place.ours.insert(entry.id == noted ? place.ours.begin() : place.ours.end(), entry.id);
  }
  return place;
}

// Where the pins are that an early drop of ours on another device's maps runs on; "" for any other program.
Result<std::string> other_pins_of(const datapath::PinDirectory& pins, const datapath::XdpEntry& entry) {
  if (entry.name != datapath::kEarlyXdpProgram) return "";
  const auto directories = datapath::pin_directories(pins.root());
  if (!directories) return std::unexpected(directories.error());
  for (const std::string& path : *directories) {
    const auto map = datapath::pinned_rules_map_id(path);
    if (!map) continue;
    const auto uses = datapath::uses_map(entry.id, *map);
    if (!uses) return std::unexpected(uses.error());
    if (*uses) return path;
  }
  return "";
}

// How an early drop of ours that is not on this device's maps came to be on its hook; "" for any other program.
Result<std::string> stray_origin(const datapath::PinDirectory& pins, const datapath::XdpEntry& entry) {
  const auto path = other_pins_of(pins, entry);
  if (!path) return path;
  const std::string program = " an early drop (program id " + std::to_string(entry.id) + ") whose maps are pinned ";
  if (!path->empty()) return "came with" + program + "at " + *path;
  const auto own = datapath::own_program(entry.id);
  if (!own) return std::unexpected(own.error());
  return *own ? "had" + program + "nowhere" : "";
}

// The program that was left on the hook when its device came from another network namespace, or when its pins went: 0
// where there is none.
Result<std::uint32_t> find_stray(const Lowerdev& device, const XdpPlace& place, std::vector<std::string>& notes) {
  for (const datapath::XdpEntry& entry : place.state.programs) {
    if (std::ranges::find(place.ours, entry.id) != place.ours.end()) continue;
    const auto origin = stray_origin(device.pins, entry);
    if (!origin) return std::unexpected(origin.error());
    if (origin->empty()) continue;
    notes.push_back(device.link.name + " " + *origin + ": it was replaced");
    return entry.id;
  }
  return 0;
}

Result<void> leave_xdp(Lowerdev& device) {
  const auto place = xdp_place(device, 0);
  if (!place) return std::unexpected(place.error());
  for (const std::uint32_t id : place->ours)
    if (auto done = datapath::detach_xdp(device.link.ifindex, id); !done) return done;
  return {};
}

TcAttachment early_tc(Lowerdev& device, rxf_meta& meta) {
  return {.link = device.link,
          .hook = datapath::TcHook::ingress,
          .program = datapath::kEarlyTcProgram,
          .config = {},
          .note = [&device, &meta] { return device.maps.put_meta(meta); },
          .noted = meta.early};
}

Result<bool> enter_tc(Lowerdev& device, rxf_meta& meta, std::vector<std::string>& notes) {
  return ensure_attached(device, early_tc(device, meta), true, notes);
}

Result<void> leave_tc(Lowerdev& device, rxf_meta& meta) {
  if (meta.steer_ingress.prog_id != 0 && meta.early.made_qdisc != 0)
    std::swap(meta.early.made_qdisc, meta.steer_ingress.made_qdisc);
  return ensure_detached(device, early_tc(device, meta));
}

Result<datapath::ObjectPtr> open_xdp(const Lowerdev& device, bool judges) {
  return datapath::open_object(datapath::embedded_object(), datapath::kEarlyXdpProgram, early_xdp_config(judges),
                               device.pins.path());
}

// Loads the program only to learn its tag; the kernel computes it from the instructions.
Result<bool> is_current(const Lowerdev& device, std::uint32_t id, bool judges) {
  const auto object = datapath::load_object(datapath::embedded_object(), datapath::kEarlyXdpProgram,
                                            early_xdp_config(judges), device.pins.path());
  if (!object) return std::unexpected(object.error());
  const int fd = datapath::program_fd(*object, datapath::kEarlyXdpProgram);
  const auto instructions = datapath::same_instructions(id, fd);
  return instructions && *instructions ? datapath::same_configuration(id, fd) : instructions;
}

Result<std::uint32_t> attach_to_xdp(const Lowerdev& device, EarlyHook hook, bool judges) {
  const auto object = open_xdp(device, judges);
  if (!object) return std::unexpected(object.error());
  return datapath::attach_xdp(device.link.ifindex, *object, mode_of(hook));
}

Result<std::uint32_t> replace_on_xdp(const Lowerdev& device, std::uint32_t old_id, bool judges) {
  const auto object = open_xdp(device, judges);
  if (!object) return std::unexpected(object.error());
  return datapath::replace_xdp(device.link.ifindex, *object, old_id);
}

Result<void> check_alone(const datapath::XdpState& state, std::uint32_t ours) {
  for (const datapath::XdpEntry& entry : state.programs)
    if (entry.id != ours)
      return std::unexpected(Error{.text = "XDP program " + entry.name + " (id " + std::to_string(entry.id) +
                                           ") runs beside the early drop in the dispatcher, and a device has one XDP "
                                           "mode at a time: detach it first (xdp-loader unload DEV)",
                                   .code = EBUSY});
  return {};
}

// A device has one XDP mode at a time, so tc drops early while neither of the two does.
Result<std::uint32_t> change_xdp_mode(Lowerdev& device, rxf_meta& meta, const XdpPlace& place, std::uint32_t old_id,
                                      EarlyHook hook, bool judges, std::vector<std::string>& notes) {
  if (auto alone = check_alone(place.state, old_id); !alone) return std::unexpected(alone.error());
  if (const auto bridged = enter_tc(device, meta, notes); !bridged) return std::unexpected(bridged.error());
  if (auto left = datapath::detach_xdp(device.link.ifindex, old_id); !left) return std::unexpected(left.error());
  const auto id = attach_to_xdp(device, hook, judges);
  if (id) return id;
  const auto back = attach_to_xdp(device, hook_of(*place.state.mode), judges);
  if (!back) return id;
  meta.xdp_prog_id = *back;
  (void)leave_tc(device, meta);
  return id;
}

// Returns whether anything was attached.
Result<bool> enter_xdp(Lowerdev& device, rxf_meta& meta, EarlyHook hook, bool judges, std::vector<std::string>& notes) {
  const auto place = xdp_place(device, meta.xdp_prog_id);
  if (!place) return std::unexpected(place.error());
  std::uint32_t old_id = place->ours.empty() ? 0 : place->ours.front();
  const bool was_lost = old_id == 0 && meta.xdp_prog_id != 0;
  const bool stays = old_id != 0 && *place->state.mode == mode_of(hook);
  if (stays) {
    const auto current = is_current(device, old_id, judges);
    if (!current) return current;
    meta.xdp_prog_id = old_id;
    if (*current) return false;
  }
  if (old_id == 0) {
    const auto stray = find_stray(device, *place, notes);
    if (!stray) return std::unexpected(stray.error());
    old_id = *stray;
  }
  const auto id = old_id == 0 ? attach_to_xdp(device, hook, judges)
                  : *place->state.mode == mode_of(hook)
                      ? replace_on_xdp(device, old_id, judges)
                      : change_xdp_mode(device, meta, *place, old_id, hook, judges, notes);
  if (!id) return std::unexpected(id.error());
  meta.xdp_prog_id = *id;
  if (was_lost) notes.push_back(device.link.name + " had lost its early drop: attached again");
  return true;
}

Result<bool> enter(Lowerdev& device, rxf_meta& meta, EarlyHook hook, bool judges, std::vector<std::string>& notes) {
  if (hook == EarlyHook::none) return false;
  return hook == EarlyHook::tc ? enter_tc(device, meta, notes) : enter_xdp(device, meta, hook, judges, notes);
}

// Every place of ours but the one on `hook`, also what an interrupted command left. Returns whether any was on XDP.
Result<bool> leave_others(Lowerdev& device, rxf_meta& meta, EarlyHook hook, std::vector<std::string>& notes) {
  if (hook != EarlyHook::tc)
    if (auto done = leave_tc(device, meta); !done) return std::unexpected(done.error());
  const auto place = xdp_place(device, meta.xdp_prog_id);
  if (!place) return std::unexpected(place.error());
  std::vector<std::uint32_t> others = place->ours;
  if (hook != EarlyHook::tc && hook != EarlyHook::none) std::erase(others, meta.xdp_prog_id);
  const auto stray = find_stray(device, *place, notes);
  if (!stray) return std::unexpected(stray.error());
  if (*stray != 0) others.push_back(*stray);
  for (const std::uint32_t id : others)
    if (auto done = datapath::detach_xdp(device.link.ifindex, id); !done) return std::unexpected(done.error());
  if (hook == EarlyHook::tc || hook == EarlyHook::none) meta.xdp_prog_id = 0;
  return !others.empty();
}

}  // namespace

Result<DeviceTraits> traits_of(const netlink::Link& link) {
  const auto driver = netlink::driver(link);
  if (!driver) return std::unexpected(driver.error());
  const auto features = netlink::active_features(link);
  if (!features) return std::unexpected(features.error());
  return DeviceTraits{.name = link.name,
                      .kind = link.kind,
                      .driver = *driver,
                      .features = *features,
                      .filtered_by_kernel = datapath::rx_filter_attribute() && has_unicast_filter(link)};
}

// Where the kernel does not tell which features strip tags, no tag is judged.
rxf_config early_xdp_config(bool may_judge) {
  const std::uint64_t stripping = datapath::tag_stripping_features();
  return {.judge_frame_vlan = may_judge && stripping != 0 ? 1U : 0U,
          .sight = datapath::device_sight(),
          .stripping = stripping};
}

AttachMode requested_mode(std::uint32_t number) {
  return number <= RXF_HOOK_XDP_GENERIC ? static_cast<AttachMode>(number) : AttachMode::auto_;
}

Result<void> check_room(const netlink::Link& link, const datapath::PinDirectory& pins, EarlyHook hook) {
  if (hook == EarlyHook::tc || hook == EarlyHook::none) return {};
  const auto state = datapath::query_xdp(link.ifindex);
  if (!state) return std::unexpected(state.error());
  for (const datapath::XdpEntry& entry : state->programs) {
    const auto origin = stray_origin(pins, entry);
    if (!origin) return std::unexpected(origin.error());
    if (!origin->empty()) return {};
  }
  return datapath::check_xdp_free(*state);
}

Result<EarlyState> early_state(const Lowerdev& device, const rxf_meta& meta) {
  const auto at_tc = is_attached(
      device, {.ifindex = device.link.ifindex, .hook = datapath::TcHook::ingress, .program = datapath::kEarlyTcProgram},
      meta.early);
  if (!at_tc) return std::unexpected(at_tc.error());
  if (*at_tc && meta.early_hook == RXF_HOOK_TC) return EarlyState{.hook = EarlyHook::tc};
  const auto place = xdp_place(device, meta.xdp_prog_id);
  if (!place) return std::unexpected(place.error());
  if (!place->ours.empty())
    return EarlyState{.hook = hook_of(*place->state.mode), .dispatcher = place->state.dispatcher};
  return EarlyState{.hook = *at_tc ? EarlyHook::tc : EarlyHook::none};
}

Result<bool> ensure_early_drop(Lowerdev& device, AttachMode mode, std::vector<std::string>& notes) {
  const auto traits = traits_of(device.link);
  if (!traits) return std::unexpected(traits.error());
  const auto choice = choose_hook(*traits, mode);
  if (!choice) return std::unexpected(choice.error());
  auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const rxf_meta before = *meta;
  const auto now = early_state(device, *meta);
  if (!now) return std::unexpected(now.error());

  // A driver that refused native XDP is not asked again.
  const bool fell_back = choice->may_fall_back && now->hook == EarlyHook::tc && meta->early_hook == RXF_HOOK_TC;
  EarlyHook hook = fell_back ? EarlyHook::tc : choice->hook;
  auto entered = enter(device, *meta, hook, may_judge_vlan(*traits, hook), notes);
  if (!entered && choice->may_fall_back && entered.error().code != EBUSY) {
    notes.push_back("native XDP refused (" + entered.error().text + "): early drop at tc instead");
    hook = EarlyHook::tc;
    entered = enter(device, *meta, hook, true, notes);
  }
  if (!entered) return entered;
  meta->early_hook = value_of(hook);
  meta->judges_vlan = may_judge_vlan(*traits, hook) ? 1 : 0;
  meta->requested_mode = value_of(mode);
  if (auto done = device.maps.put_meta(*meta); !done) return std::unexpected(done.error());
  const auto left = leave_others(device, *meta, hook, notes);
  if (!left) return left;
  if (auto done = device.maps.put_meta(*meta); !done) return std::unexpected(done.error());
  return *entered || *left || before.requested_mode != meta->requested_mode || before.early_hook != meta->early_hook;
}

Result<void> remove_early_drop(Lowerdev& device) {
  auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  if (auto left = leave_xdp(device); !left) return left;
  return ensure_detached(device, early_tc(device, *meta));
}

}  // namespace rxf::mirror
