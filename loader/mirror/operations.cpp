// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/operations.h"

#include <cerrno>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/xdp_program.h"
#include "loader/mirror/early_hook.h"
#include "loader/mirror/lowerdev.h"
#include "loader/mirror/reconcile.h"
#include "loader/mirror/status.h"

namespace rxf::mirror {
namespace {

using Access = datapath::PinDirectory::Access;

Result<void> check_lower(const netlink::Link& link) {
  if (link.loopback) return usage_error(link.name + " is the loopback device: nothing to filter there");
  if (link.is_upper())
    return usage_error(link.name + " is itself a " + link.kind + ": attach to its lower device, then set " + link.name);
  if (!link.ethernet) return usage_error(link.name + " is no Ethernet device");
  return {};
}

// Where no program of ours is yet, what stands in the way is found before anything is changed.
Result<void> check_free(const netlink::Link& link, const HookChoice& choice) {
  if (choice.hook == EarlyHook::tc) return {};
  const auto state = datapath::query_xdp(link.ifindex);
  if (!state) return std::unexpected(state.error());
  return datapath::check_xdp_free(*state);
}

// In a locked directory. Error EALREADY where another command has attached the device since we looked.
Result<datapath::RuleMaps> make_maps(const datapath::PinDirectory& pins, const rxf_meta& meta) {
  const auto object = datapath::load_object(datapath::embedded_object(), nullptr, {}, pins.path());
  if (!object) return std::unexpected(object.error());
  auto maps = datapath::RuleMaps::open(pins.path());
  if (!maps) return maps;
  const auto there = maps->meta();
  if (!there) return std::unexpected(there.error());
  if (there->abi != 0) return system_error(EALREADY, pins.path());
  if (auto done = maps->put_meta(meta); !done) return std::unexpected(done.error());
  return maps;
}

Result<Lowerdev> create_lowerdev(const Context& context, Host host, const netlink::Link& link) {
  auto pins = pins_of(context, host, link.name);
  auto lock = pins.create_and_lock();
  if (!lock) return std::unexpected(lock.error());
  rxf_meta meta{.abi = RXF_ABI_VERSION, .ifindex = link.ifindex, .netns_cookie = host.netns_cookie};
  link.name.copy(meta.name, sizeof(meta.name) - 1);
  auto maps = make_maps(pins, meta);
  if (!maps && maps.error().code != EALREADY) (void)pins.remove();
  if (!maps) return std::unexpected(maps.error());
  return Lowerdev{
      .host = std::move(host), .link = link, .pins = pins, .lock = std::move(*lock), .maps = std::move(*maps)};
}

// Rules first, then the hook: a program never runs on empty maps.
Result<bool> bring_up(Lowerdev& device, AttachMode mode, std::vector<std::string>& notes) {
  const auto guards = reconcile(device, true, notes);
  if (!guards) return guards;
  const auto early = ensure_early_drop(device, mode, notes);
  if (!early) return early;
  return *guards || *early;
}

Result<void> take_down(Lowerdev& device, std::vector<std::string>& notes) {
  auto records = device.records();
  if (!records) return std::unexpected(records.error());
  for (auto& [ifindex, record] : *records) {
    record.filter = {};
    if (auto done = device.put_record(ifindex, record); !done) return done;
  }
  if (auto done = reconcile(device, false, notes); !done) return std::unexpected(done.error());
  if (auto done = remove_early_drop(device); !done) return done;
  // Interrupted from here on, what is left counts as not attached.
  if (auto done = device.maps.put_meta({}); !done) return done;
  return device.pins.remove();
}

Result<AttachResult> attach_new(const Context& context, Host host, const netlink::Link& link, AttachMode mode) {
  const auto traits = traits_of(link);
  if (!traits) return std::unexpected(traits.error());
  const auto choice = choose_hook(*traits, mode);
  if (!choice) return std::unexpected(choice.error());
  if (auto done = check_free(link, *choice); !done) return wrap(done.error(), link.name);
  auto device = create_lowerdev(context, std::move(host), link);
  if (!device) return wrap(device.error(), "attach " + link.name);
  AttachResult result;
  if (const auto up = bring_up(*device, mode, result.report.notes); !up) {
    std::vector<std::string> unsaid;
    (void)take_down(*device, unsaid);
    return wrap(up.error(), "attach " + link.name);
  }
  auto status = status_of(*device);
  if (!status) return std::unexpected(status.error());
  result.status = std::move(*status);
  return result;
}

Result<AttachResult> attach_again(Lowerdev device, const AttachOptions& options) {
  const auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  AttachResult result;
  const auto changed = bring_up(device, options.mode.value_or(requested_mode(*meta)), result.report.notes);
  if (!changed) return wrap(changed.error(), "attach " + device.link.name);
  result.report.changed = *changed;
  auto status = status_of(device);
  if (!status) return std::unexpected(status.error());
  result.status = std::move(*status);
  return result;
}

Result<AttachResult> attach_once(const Context& context, const netlink::Link& link, const AttachOptions& options) {
  auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  auto device = open_lowerdev(context, std::move(*host), link, Access::write);
  if (device) return attach_again(std::move(*device), options);
  if (device.error().exit != Exit::not_attached) return std::unexpected(device.error());
  host = Host::open();
  if (!host) return std::unexpected(host.error());
  return attach_new(context, std::move(*host), link, options.mode.value_or(AttachMode::auto_));
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
  AttachMode mode = options.mode.value_or(AttachMode::auto_);
  auto device = open_lowerdev(context, std::move(*host), link, Access::read);
  if (!device && device.error().exit != Exit::not_attached) return std::unexpected(device.error());
  if (device) {
    auto status = status_of(*device);
    if (!status) return std::unexpected(status.error());
    const auto meta = device->maps.meta();
    if (!meta) return std::unexpected(meta.error());
    mode = options.mode.value_or(requested_mode(*meta));
    result.status = std::move(*status);
  }
  const auto traits = traits_of(link);
  if (!traits) return std::unexpected(traits.error());
  const auto choice = choose_hook(*traits, mode);
  if (!choice) return std::unexpected(choice.error());
  if (!device)
    if (auto done = check_free(link, *choice); !done) return wrap(done.error(), link.name);
  result.status.early = choice->hook;
  result.status.reason = choice->reason;
  return result;
}

// The host, and the link with that name.
struct Found {
  Host host;
  netlink::Link link;
};

Result<Found> find(const std::string& name) {
  if (auto allowed = check_privilege(); !allowed) return std::unexpected(allowed.error());
  auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  auto link = netlink::link_by_name(host->socket, name);
  if (!link) return std::unexpected(link.error());
  return Found{std::move(*host), std::move(*link)};
}

// The lower device of an upper, opened, and the upper.
struct FoundUpper {
  netlink::Link upper;
  Lowerdev device;
};

Result<FoundUpper> find_upper(const Context& context, const std::string& name, Access access) {
  auto found = find(name);
  if (!found) return std::unexpected(found.error());
  const netlink::Link& upper = found->link;
  if (!upper.is_upper())
    return std::unexpected(
        Error{.text = name + " is no macvlan or macvtap: only those have a receive filter", .code = EOPNOTSUPP});
  if (upper.lower_elsewhere || !upper.lower)
    return std::unexpected(Error{.text = "the lower device of " + name + " is in another network namespace: run there",
                                 .code = EXDEV,
                                 .exit = Exit::not_attached});
  const auto lower = netlink::link_by_index(found->host.socket, *upper.lower);
  if (!lower) return std::unexpected(lower.error());
  auto device = open_lowerdev(context, std::move(found->host), *lower, access);
  if (!device) return wrap(device.error(), name);
  return FoundUpper{std::move(found->link), std::move(*device)};
}

// A VLAN device takes its frames before a macvlan sees them.
void warn_of_vlan_devices(const Lowerdev& device, const netlink::Link& upper, const FilterSet& filter,
                          std::vector<std::string>& notes) {
  for (const netlink::Link& other : device.host.links) {
    if (other.lower != device.link.ifindex || !other.vlan || !filter.vlans || !filter.vlans->contains(*other.vlan))
      continue;
    notes.push_back("VLAN " + std::to_string(*other.vlan) + " never reaches " + upper.name + ": " + other.name +
                    " on " + device.link.name + " takes it first");
  }
}

// `record` with the new filter becomes the committed one; if it cannot be reached, the old one is again.
Result<void> commit(FoundUpper& found, const FilterRecord& old_record, const FilterSet& filter,
                    std::vector<std::string>& notes) {
  FilterRecord record = old_record;
  record.filter = filter;
  if (auto done = found.device.put_record(found.upper.ifindex, record); !done) return done;
  const auto reached = reconcile(found.device, false, notes);
  if (reached) return {};
  auto now = found.device.records();
  if (now) {
    record = (*now)[found.upper.ifindex];  // what is owned by now
    record.filter = old_record.filter;
    std::vector<std::string> unsaid;
    (void)found.device.put_record(found.upper.ifindex, record);
    (void)reconcile(found.device, false, unsaid);
  }
  return wrap(reached.error(), found.upper.name);
}

// Pins that nothing runs on: of an attach or detach that was interrupted, or of a device that is gone. Error EBUSY
// where they are those of a device that is there.
Result<Report> remove_remains(const Context& context, const std::string& name) {
  const auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  const auto pins = pins_of(context, *host, name);
  const auto lock = pins.lock(Access::write);
  if (!lock)
    return lock.error().code == ENOENT ? Report{.changed = false} : Result<Report>(std::unexpected(lock.error()));
  const auto maps = datapath::RuleMaps::open(pins.path());
  if (!maps && maps.error().code != ENOENT) return std::unexpected(maps.error());
  if (maps) {
    const auto meta = maps->meta();
    if (!meta) return std::unexpected(meta.error());
    if (const netlink::Link* user = host->find(meta->ifindex); meta->abi != 0 && user != nullptr)
      return system_error(EBUSY, pins.path() + " is in use by " + user->name + ", which had the name " + name +
                                     " when it was attached: give it that name again, then detach");
  }
  if (auto done = pins.remove(); !done) return std::unexpected(done.error());
  return Report{.notes = {"removed what an earlier command or device had left in " + pins.path()}};
}

Result<FilterRecord> record_of(const FoundUpper& found) {
  auto records = found.device.records();
  if (!records) return std::unexpected(records.error());
  return (*records)[found.upper.ifindex];
}

}  // namespace

Result<AttachResult> attach(const Context& context, const std::string& name, const AttachOptions& options) {
  auto found = find(name);
  if (!found) return std::unexpected(found.error());
  const netlink::Link& link = found->link;
  if (auto done = check_lower(link); !done) return std::unexpected(done.error());
  if (auto done = datapath::check_bpffs(context.bpffs, !options.dry_run); !done) return std::unexpected(done.error());
  if (options.dry_run) return attach_dry(context, link, options);
  for (;;) {
    auto done = attach_once(context, link, options);
    if (done || done.error().code != EALREADY) return done;
  }
}

Result<Report> detach(const Context& context, const std::string& name) {
  auto found = find(name);
  if (!found && found.error().code == ENODEV) {
    auto removed = remove_remains(context, name);
    return removed && !removed->changed ? std::unexpected(found.error()) : removed;
  }
  if (!found) return std::unexpected(found.error());
  auto device = open_lowerdev(context, std::move(found->host), found->link, Access::write);
  if (!device && (device.error().exit == Exit::not_attached || device.error().code == ESTALE))
    return remove_remains(context, name);
  if (!device) return std::unexpected(device.error());
  Report report;
  if (auto done = take_down(*device, report.notes); !done) return wrap(done.error(), "detach " + name);
  return report;
}

Result<std::vector<std::string>> attached_devices(const Context& context) {
  if (auto allowed = check_privilege(); !allowed) return std::unexpected(allowed.error());
  const auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  return datapath::pinned_devices(context.bpffs, host->netns_suffix);
}

Result<SetResult> set(const Context& context, const std::string& upper, const FilterEdit& edit) {
  auto found = find_upper(context, upper, Access::write);
  if (!found) return std::unexpected(found.error());
  const auto record = record_of(*found);
  if (!record) return std::unexpected(record.error());
  auto wanted = edited(record->filter, edit);
  if (!wanted) return wrap(wanted.error(), upper);
  SetResult result{.filter = std::move(wanted->filter), .report = {.notes = std::move(wanted->notes)}};
  warn_of_vlan_devices(found->device, found->upper, result.filter, result.report.notes);
  if (auto done = commit(*found, *record, result.filter, result.report.notes); !done)
    return std::unexpected(done.error());
  result.report.changed = result.filter != record->filter;
  return result;
}

Result<FilterSet> get(const Context& context, const std::string& upper) {
  const auto found = find_upper(context, upper, Access::read);
  if (!found) return std::unexpected(found.error());
  auto record = record_of(*found);
  if (!record) return std::unexpected(record.error());
  return std::move(record->filter);
}

Result<Report> clear(const Context& context, const std::string& upper) {
  auto found = find_upper(context, upper, Access::write);
  if (!found) return std::unexpected(found.error());
  const auto record = record_of(*found);
  if (!record) return std::unexpected(record.error());
  Report report{.changed = !record->filter.unfiltered()};
  if (auto done = commit(*found, *record, FilterSet{}, report.notes); !done) return std::unexpected(done.error());
  return report;
}

Result<LowerdevStatus> status(const Context& context, const std::string& name) {
  auto found = find(name);
  if (!found) return std::unexpected(found.error());
  auto device = open_lowerdev(context, std::move(found->host), found->link, Access::read);
  if (!device) return std::unexpected(device.error());
  return status_of(*device);
}

}  // namespace rxf::mirror
