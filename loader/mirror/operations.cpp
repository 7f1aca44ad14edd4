// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/operations.h"

#include <cerrno>

#include "loader/datapath/bpf_object.h"
#include "loader/mirror/arming.h"
#include "loader/mirror/early_hook.h"
#include "loader/mirror/lookup.h"
#include "loader/mirror/lowerdev.h"
#include "loader/mirror/migration.h"
#include "loader/mirror/orphans.h"
#include "loader/mirror/reconcile.h"
#include "loader/mirror/remains.h"
#include "loader/mirror/repair.h"
#include "loader/mirror/status.h"

namespace rxf::mirror {
namespace {

using Access = datapath::PinDirectory::Access;

constexpr const char* kNotInTime = "the attach before this one was not confirmed in time: it was undone first";

// In a locked directory. Error EALREADY where another command has attached the device since we looked. From `meta` on
// it counts as attached, so the rest is there by then.
Result<datapath::RuleMaps> make_maps(const datapath::PinDirectory& pins, const rxf_meta& meta,
                                     const AttachOptions& options) {
  const auto object = datapath::load_object(datapath::embedded_object(), nullptr, {}, pins.path());
  if (!object) return std::unexpected(object.error());
  auto maps = datapath::RuleMaps::open(pins.path());
  if (!maps) return maps;
  const auto there = maps->meta();
  if (!there) return std::unexpected(there.error());
  if (there->abi != 0) return system_error(EALREADY, pins.path());
  if (auto done = check_time_left(options, meta.name); !done) return std::unexpected(done.error());
  const Arming arming = first_arming(options).arming;
  maps->store_control(arming.shadow ? RXF_CONTROL_SHADOW : 0);
  maps->store_deadline(arming.deadline);
  if (auto done = maps->put_meta(meta); !done) return std::unexpected(done.error());
  return maps;
}

Result<Lowerdev> create_lowerdev(const Context& context, Host host, const netlink::Link& link,
                                 const AttachOptions& options) {
  auto pins = pins_of(context, host, link.name);
  auto lock = pins.create_and_lock();
  if (!lock) return std::unexpected(lock.error());
  // Left by an interrupted command, maybe of another version.
  if (const auto left = datapath::pin_identity(pins.path()); !left || left->abi == 0)
    if (auto done = pins.make_room(); !done) return std::unexpected(done.error());
  rxf_meta meta{.abi = RXF_ABI_VERSION, .ifindex = link.ifindex, .netns_cookie = host.netns_cookie};
  link.name.copy(meta.name, sizeof(meta.name) - 1);
  meta.undo = static_cast<std::uint32_t>(first_arming(options).arming.undo);
  auto maps = make_maps(pins, meta, options);
  if (!maps && maps.error().code != EALREADY) (void)pins.remove();
  if (!maps) return std::unexpected(maps.error());
  return Lowerdev{
      .host = std::move(host), .link = link, .pins = pins, .lock = std::move(*lock), .maps = std::move(*maps)};
}

// Rules first, then the hook: a program never runs on empty maps.
Result<bool> bring_up(Lowerdev& device, AttachMode mode, std::vector<std::string>& notes) {
  const auto guards = reconcile(device, {.refresh = true}, notes);
  if (!guards) return std::unexpected(guards.error());
  const auto early = ensure_early_drop(device, mode, notes);
  if (!early) return early;
  const auto orphans = replace_orphans(device, notes);
  if (!orphans) return orphans;
  return guards->changed || *early || *orphans;
}

// The one that is there, unless it is to be brought up to date.
Result<bool> keep_early_drop(Lowerdev& device, bool refresh, std::vector<std::string>& notes) {
  const auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const auto now = early_state(device, *meta);
  if (!now) return std::unexpected(now.error());
  if (now->hook != EarlyHook::none && !refresh) return false;
  return ensure_early_drop(device, requested_mode(*meta), notes);
}

Result<void> take_down(Lowerdev& device, std::vector<std::string>& notes) {
  auto records = device.records();
  if (!records) return std::unexpected(records.error());
  for (auto& [ifindex, record] : *records) {
    record.filter = {};
    if (auto done = device.put_record(ifindex, record); !done) return done;
  }
  if (auto done = reconcile(device, {.nothing = true}, notes); !done) return std::unexpected(done.error());
  if (auto done = remove_early_drop(device); !done) return done;
  // Interrupted from here on, what is left counts as not attached.
  if (auto done = device.maps.put_meta({}); !done) return done;
  const auto left = device.pins.remove();
  if (!left) return std::unexpected(left.error());
  if (!left->empty()) notes.push_back(left_note(device.pins, *left));
  return {};
}

Result<AttachResult> attach_new(const Context& context, Host host, const netlink::Link& link,
                                const AttachOptions& options) {
  const AttachMode mode = first_arming(options).mode;
  const auto traits = traits_of(link);
  if (!traits) return std::unexpected(traits.error());
  const auto choice = choose_hook(*traits, mode);
  if (!choice) return std::unexpected(choice.error());
  if (auto done = check_room(link, pins_of(context, host, link.name), choice->hook); !done)
    return wrap(done.error(), link.name);
  auto device = create_lowerdev(context, std::move(host), link, options);
  if (!device) return wrap(device.error(), "attach " + link.name);
  AttachResult result;
  const auto up = bring_up(*device, mode, result.report.notes);
  auto status = up ? status_of(*device) : std::unexpected(up.error());
  if (!status) {
    std::vector<std::string> unsaid;
    (void)take_down(*device, unsaid);
    return wrap(status.error(), "attach " + link.name);
  }
  result.status = std::move(*status);
  return result;
}

Result<AttachResult> carry_out(Lowerdev& device, const ArmingChange& change, const Arming& before) {
  if (auto done = restrain(device.maps, change); !done) return std::unexpected(done.error());
  AttachResult result{.confirmed = change.confirms};
  const auto changed = bring_up(device, change.mode, result.report.notes);
  if (!changed) return std::unexpected(changed.error());
  if (auto done = release(device.maps, change.arming); !done) return std::unexpected(done.error());
  auto status = status_of(device);
  if (!status) return std::unexpected(status.error());
  result.status = std::move(*status);
  result.report.changed =
      *changed || change.undoes || change.arming.is_unconfirmed() || change.arming.shadow != before.shadow;
  if (change.undoes) result.report.notes.insert(result.report.notes.begin(), kNotInTime);
  return result;
}

Result<AttachResult> attach_again(Lowerdev& device, const AttachOptions& options) {
  const auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const auto before = arming_of(device.maps);
  if (!before) return std::unexpected(before.error());
  const ArmingChange change = next_arming(*before, requested_mode(*meta), options, boot_now());
  auto result = carry_out(device, change, *before);
  if (result) return result;
  std::vector<std::string> unsaid;
  if (change.mode != requested_mode(*meta)) (void)bring_up(device, requested_mode(*meta), unsaid);
  (void)put_back(device.maps, *before);
  return wrap(result.error(), "attach " + device.link.name);
}

// To be detached, since the attach that made it was not confirmed in time.
Result<bool> is_overdue(const Lowerdev& device) {
  const auto arming = arming_of(device.maps);
  if (!arming) return std::unexpected(arming.error());
  return arming->undo == Undo::detach && arming->is_overdue(boot_now());
}

// An upgrade is a change, whatever else attach finds to do.
Result<AttachResult> with_notes(Result<AttachResult> result, const std::vector<std::string>& notes) {
  if (!result || notes.empty()) return result;
  result->report.changed = true;
  result->report.notes.insert(result->report.notes.begin(), notes.begin(), notes.end());
  return result;
}

// What is under the name of a device, of an earlier one that is gone.
Result<void> remove_earlier(const Context& context, const netlink::Link& link, std::vector<std::string>& notes) {
  const auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  const auto removed = remove_remains(pins_of(context, *host, link.name).path());
  if (!removed) return std::unexpected(removed.error());
  notes.insert(notes.end(), removed->notes.begin(), removed->notes.end());
  notes.push_back(link.name + " is not the device that was attached: begun anew, without filter sets");
  return {};
}

// Pins that cannot be opened would be in the way for ever.
Result<void> repair(const Context& context, Host& host, const netlink::Link& link, std::vector<std::string>& notes) {
  if (auto looked = host.look_again(); !looked) return looked;
  const auto repaired = repair_pins(context, host, link, notes);
  if (!repaired) return std::unexpected(repaired.error());
  if (*repaired != Repair::everything) return {};
  auto again = Host::open();
  if (!again) return std::unexpected(again.error());
  auto device = open_lowerdev(context, std::move(*again), link, Access::write);
  return device ? take_down(*device, notes) : std::unexpected(device.error());
}

Result<AttachResult> attach_once(const Context& context, const netlink::Link& link, const AttachOptions& options) {
  auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  std::vector<std::string> notes;
  if (auto done = repair(context, *host, link, notes); !done) return std::unexpected(done.error());
  auto device = open_upgraded(context, std::move(*host), link, notes);
  if (device) {
    if (auto done = check_time_left(options, link.name); !done) return std::unexpected(done.error());
    if (auto done = take_own_place(context, *device, notes); !done) return std::unexpected(done.error());
    const auto overdue = is_overdue(*device);
    if (!overdue) return std::unexpected(overdue.error());
    if (!*overdue) return with_notes(attach_again(*device, options), notes);
    notes.push_back(kNotInTime);
    if (auto done = take_down(*device, notes); !done) return wrap(done.error(), "detach " + link.name);
    device->lock = Fd();
  } else if (device.error().code == ESTALE) {
    if (auto done = remove_earlier(context, link, notes); !done) return std::unexpected(done.error());
  } else if (device.error().exit != Exit::not_attached) {
    return std::unexpected(device.error());
  }
  host = Host::open();
  if (!host) return std::unexpected(host.error());
  if (auto done = make_room_for(context, *host, link); !done) return std::unexpected(done.error());
  return with_notes(attach_new(context, std::move(*host), link, options), notes);
}

LowerdevStatus unattached_status(const Context& context, const Host& host, const netlink::Link& link) {
  LowerdevStatus status{
      .device = link.name, .ifindex = link.ifindex, .pin_directory = pins_of(context, host, link.name).path()};
  for (const netlink::Link* upper : host.uppers_of(link.ifindex))
    status.uppers.push_back({.name = upper->name, .ifindex = upper->ifindex, .mode = *upper->upper_mode});
  return status;
}

// The state as it is, with the early drop where `attach` would put it.
Result<AttachResult> attach_dry(const Context& context, const netlink::Link& link, const AttachOptions& options) {
  auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  AttachResult result{.status = unattached_status(context, *host, link),
                      .report = {.changed = false, .notes = {"dry run: nothing was changed"}}};
  ArmingChange change = first_arming(options);
  auto device = open_lowerdev(context, std::move(*host), link, Access::read);
  if (!device && device.error().exit != Exit::not_attached && device.error().code != ESTALE)
    return std::unexpected(device.error());
  if (device) {
    auto status = status_of(*device);
    if (!status) return std::unexpected(status.error());
    const auto meta = device->maps.meta();
    if (!meta) return std::unexpected(meta.error());
    const auto before = arming_of(device->maps);
    if (!before) return std::unexpected(before.error());
    const bool begins_anew = before->undo == Undo::detach && before->is_overdue(boot_now());
    if (!begins_anew) change = next_arming(*before, requested_mode(*meta), options, boot_now());
    if (change.confirms) result.report.notes.push_back("it would confirm the attach before it");
    if (change.undoes || begins_anew)
      result.report.notes.push_back("the attach before was not confirmed in time: it would be undone first");
    result.status = std::move(*status);
  }
  const auto traits = traits_of(link);
  if (!traits) return std::unexpected(traits.error());
  const auto choice = choose_hook(*traits, change.mode);
  if (!choice) return std::unexpected(choice.error());
  const datapath::PinDirectory pins(result.status.pin_directory);
  if (!device) {
    if (auto done = check_room(link, pins, choice->hook); !done) return wrap(done.error(), link.name);
    const auto orphans = orphaned_device(context, link.name);
    if (!orphans) return std::unexpected(orphans.error());
    if (*orphans) result.status.problems = (*orphans)->problems;
  }
  result.status.early = choice->hook;
  result.status.reason = choice->reason;
  result.status.shadow = change.arming.shadow;
  result.status.confirm = unconfirmed(change.arming, boot_now());
  return result;
}

// Of a device that there is none of, perhaps with what it left.
std::unexpected<Error> left_pins(const Context& context, const std::string& name, Error error) {
  const auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  const auto pins = pins_of(context, *host, name);
  if (pins.exists())
    error.text += ", but pins of one at " + pins.path() + ": rxfilter-loader detach " + name + " removes them";
  return std::unexpected(std::move(error));
}

// A device that is not here any more: only what was not there before the attach is to go.
Result<Report> undo_departed(const Context& context, const netlink::LinkName& which, std::uint64_t confirm_by) {
  const auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  const auto directories = datapath::pin_directories(datapath::pin_root(context.bpffs));
  if (!directories) return std::unexpected(directories.error());
  for (const std::string& path : *directories) {
    const auto identity = datapath::pin_identity(path);
    if (!identity || identity->ifindex != which.ifindex || identity->netns_cookie != host->netns_cookie) continue;
    const auto maps = datapath::RuleMaps::open(path);
    if (!maps) continue;
    const auto arming = arming_of(*maps);
    if (arming && arming->undo == Undo::detach && arming->deadline == confirm_by && arming->is_overdue(boot_now()))
      return remove_remains(path);
  }
  return Report{.changed = false};
}

// What detach does about pins.
Result<Report> detach_pinned(const Context& context, const std::string& name) {
  auto found = find_link({.name = name});
  if (!found && found.error().code != ENODEV) return std::unexpected(found.error());
  Report report;
  if (found)
    if (auto done = repair(context, found->host, found->link, report.notes); !done)
      return std::unexpected(done.error());
  auto device = found ? open_upgraded(context, std::move(found->host), found->link, report.notes)
                      : Result<Lowerdev>(std::unexpected(found.error()));
  if (device) {
    if (auto done = take_down(*device, report.notes); !done) return wrap(done.error(), "detach " + name);
    return report;
  }
  if (device.error().exit != Exit::not_attached && device.error().code != ESTALE && device.error().code != ENODEV)
    return std::unexpected(device.error());
  if (!report.notes.empty()) return report;
  const auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  auto removed = remove_remains(pins_of(context, *host, name).path());
  if (removed && !removed->changed && !found) return std::unexpected(found.error());
  // Pins of a device that has another name now are no matter of this one.
  if (!removed && removed.error().code == EBUSY && found) return Report{.changed = false};
  return removed;
}

}  // namespace

Result<AttachResult> attach(const Context& context, const std::string& name, const AttachOptions& options) {
  auto found = find_link({.name = name});
  if (!found) return std::unexpected(found.error());
  const netlink::Link& link = found->link;
  if (auto done = check_lower(link); !done) return std::unexpected(done.error());
  if (auto done = datapath::check_bpffs(context.bpffs, !options.dry_run); !done) return std::unexpected(done.error());
  if (options.dry_run) return attach_dry(context, link, options);
  netlink::load_macvlan(found->host.socket);
  for (;;) {
    auto done = attach_once(context, link, options);
    if (done || done.error().code != EALREADY) return done;
  }
}

std::uint64_t confirm_by_of(const Context& context, const std::string& pins) {
  return datapath::pinned_deadline(datapath::pin_root(context.bpffs) + "/" + pins).value_or(0);
}

Result<Report> undo_unconfirmed(const Context& context, const netlink::LinkName& which, std::uint64_t confirm_by) {
  auto found = find_link(which);
  if (!found && found.error().code == ENODEV) return undo_departed(context, which, confirm_by);
  if (!found) return std::unexpected(found.error());
  const std::string name = found->link.name;
  auto device = open_lowerdev(context, std::move(found->host), found->link, Access::write);
  if (!device && device.error().exit == Exit::not_attached) return Report{.changed = false};
  if (!device) return std::unexpected(device.error());
  const auto arming = arming_of(device->maps);
  if (!arming) return std::unexpected(arming.error());
  if (arming->deadline != confirm_by || !arming->is_overdue(boot_now())) return Report{.changed = false};
  Report report;
  if (arming->undo == Undo::detach) {
    if (auto done = take_down(*device, report.notes); !done) return wrap(done.error(), "detach " + name);
    return report;
  }
  auto undone = attach_again(*device, {});
  if (!undone) return std::unexpected(undone.error());
  return std::move(undone->report);
}

Result<Report> detach(const Context& context, const std::string& name) {
  auto report = detach_pinned(context, name);
  if (!report) return report;
  auto found = find_link({.name = name});
  if (!found) return report;
  if (auto looked = found->host.look_again(); !looked) return std::unexpected(looked.error());
  const std::string root = pins_of(context, found->host, name).root();
  const auto orphans = remove_orphans(found->host, root, found->link, report->notes);
  if (!orphans) return wrap(orphans.error(), "detach " + name);
  report->changed = report->changed || *orphans;
  return report;
}

Result<std::vector<Attached>> attached(const Context& context) {
  if (auto allowed = check_privilege(); !allowed) return std::unexpected(allowed.error());
  const auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  return attached_here(context, *host);
}

Result<std::vector<std::string>> attached_devices(const Context& context) {
  const auto devices = attached(context);
  if (!devices) return std::unexpected(devices.error());
  std::vector<std::string> names;
  for (const Attached& device : *devices) names.push_back(device.name);
  return names;
}

Result<FollowResult> follow(const Context& context, const netlink::LinkName& which, bool refresh) {
  auto found = find_link(which);
  if (!found) return std::unexpected(found.error());
  FollowResult result;
  auto device = refresh ? open_upgraded(context, std::move(found->host), found->link, result.report.notes)
                        : open_lowerdev(context, std::move(found->host), found->link, Access::write);
  if (!device) return std::unexpected(device.error());
  auto reached = reconcile(*device, {.refresh = refresh}, result.report.notes);
  if (!reached) return wrap(reached.error(), device->link.name);
  const auto early = keep_early_drop(*device, refresh, result.report.notes);
  if (!early) return wrap(early.error(), device->link.name);
  const auto orphans = replace_orphans(*device, result.report.notes);
  if (!orphans) return wrap(orphans.error(), device->link.name);
  const auto meta = device->maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const auto uppers = device->maps.uppers();
  if (!uppers) return std::unexpected(uppers.error());
  for (const auto& [ifindex, entry] : *uppers) result.uppers.insert(ifindex);
  result.gone = std::move(reached->gone);
  result.mode = requested_mode(*meta);
  result.report.changed = reached->changed || *early || *orphans;
  return result;
}

Result<LowerdevStatus> status(const Context& context, const std::string& name) {
  auto found = find_link({.name = name});
  if (!found)
    return found.error().code == ENODEV ? left_pins(context, name, found.error()) : std::unexpected(found.error());
  auto device = open_lowerdev(context, std::move(found->host), found->link, Access::read);
  if (!device) return std::unexpected(device.error());
  return status_of(*device);
}

}  // namespace rxf::mirror
