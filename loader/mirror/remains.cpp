// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/remains.h"

#include <cerrno>
#include <optional>

#include "loader/datapath/layout_1.h"
#include "loader/datapath/pin_trust.h"
#include "loader/mirror/early_hook.h"
#include "loader/mirror/guards.h"
#include "loader/mirror/kernel_lists.h"
#include "loader/mirror/lookup.h"
#include "loader/netlink/address_lists.h"

namespace rxf::mirror {
namespace {

using datapath::PinDirectory;
using datapath::PinIdentity;

bool is_here(const PinIdentity& identity, const Host& host) { return identity.netns_cookie == host.netns_cookie; }

Result<bool> is_in_use(const std::string& path) {
  const auto map = datapath::pinned_rules_map_id(path);
  if (!map) return map.error().code == ENOENT ? Result<bool>(false) : std::unexpected(map.error());
  return datapath::is_map_used(*map);
}

// Of pins in this namespace that do not say whose they are. A device of the directory's name may have programs by them.
std::string problem_here(const PinDirectory& pins, const std::vector<std::string>& foreign, const std::string& detach) {
  if (!foreign.empty()) return left_note(pins, foreign) + ": remove that, then " + detach + " removes the directory";
  if (is_in_use(pins.path()).value_or(false))
    return "a pin that says whose these are is missing or not rxfilter's: " + detach +
           " removes what is in force by the others";
  return "left by an interrupted command: " + detach;
}

// nullopt: these are somebody's. The caller has the lock.
Result<std::optional<std::string>> problem_of(const PinDirectory& pins, const Host& host, const std::string& device) {
  const std::string detach = "rxfilter-loader detach " + device;
  const auto identity = datapath::pin_identity(pins.path());
  const auto foreign = pins.foreign();
  if (!foreign) return std::unexpected(foreign.error());
  if (!identity || identity->abi == 0) {
    if (pins.is_of_namespace(host.netns_suffix)) return problem_here(pins, *foreign, detach);
  } else if (is_here(*identity, host)) {
    if (host.find(identity->ifindex) != nullptr) return std::nullopt;
    return "ifindex " + std::to_string(identity->ifindex) +
           " was deleted, or moved to another network namespace: " + detach + " removes what is left of it here";
  }
  const auto used = is_in_use(pins.path());
  if (!used) return std::unexpected(used.error());
  if (*used) return std::nullopt;
  return "its network namespace is gone: rxfilter-loader detach --all removes what is left of it";
}

// The move emptied the lower device's list, and the kernel takes that for a reason to keep the upper's entries: each
// takes a second deletion (net/core/dev_addr_lists.c, __hw_addr_unsync_one()).
Result<void> delete_again(Lowerdev& device, const netlink::Link& upper, const AddressSet& owned) {
  const auto there = netlink::fdb_unicast(device.host.socket, upper);
  if (!there) return std::unexpected(there.error());
  for (const MacAddress& address : *there)
    if (owned.contains(address))
      if (auto done = netlink::fdb_delete(device.host.socket, upper, address); !done && done.error().code != ENOENT)
        return done;
  return {};
}

Result<void> free_uppers(Lowerdev& device, std::vector<std::string>& notes) {
  const auto entries = device.maps.uppers();
  if (!entries) return std::unexpected(entries.error());
  auto records = device.records();
  if (!records) return std::unexpected(records.error());
  for (const auto& [ifindex, entry] : *entries) {
    const netlink::Link* upper = device.host.find(ifindex);
    if (upper == nullptr || !upper->is_upper()) continue;
    const auto its_guard = guard_is_attached(device, ifindex, entry);
    if (!its_guard) return std::unexpected(its_guard.error());
    if (auto done = remove_guard(device, ifindex, entry); !done) return done;
    if (const auto record = records->find(ifindex); *its_guard && record != records->end()) {
      record->second.filter = {};
      record->second.owned_below.clear();
      const AddressSet owned = record->second.owned_unicast;
      if (auto done = narrow_kernel_lists(device, *upper, record->second, {}, {}, notes); !done) return done;
      if (auto done = delete_again(device, *upper, owned); !done) return done;
    }
  }
  return {};
}

// A lower device that was moved leaves its uppers behind, with their guards.
Result<void> free_left_behind(const PinDirectory& pins, Fd& lock, const PinIdentity& identity, Host host,
                              std::vector<std::string>& notes) {
  if (identity.abi == datapath::layout_1::kAbi)
    if (auto done = datapath::layout_1::convert(pins.path()); !done) return done;
  netlink::Link gone;
  gone.ifindex = identity.ifindex;
  gone.name = identity.name;
  auto device = open_locked({}, {.pins = pins, .lock = std::move(lock), .identity = identity}, std::move(host), gone);
  if (!device) return std::unexpected(device.error());
  auto done = free_uppers(*device, notes);
  lock = std::move(device->lock);
  return done;
}

}  // namespace

Result<std::vector<Remains>> remains(const Context& context) {
  if (auto allowed = check_privilege(); !allowed) return std::unexpected(allowed.error());
  const auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  const auto directories = datapath::pin_directories(datapath::pin_root(context.bpffs));
  if (!directories) return std::unexpected(directories.error());
  std::vector<Remains> found;
  for (const std::string& path : *directories) {
    const PinDirectory pins(path);
    const auto lock = pins.try_lock();
    if (!lock) continue;
    const auto identity = datapath::pin_identity(path);
    auto problem = problem_of(pins, *host, pins.device());
    if (!problem) problem = "cannot be looked at (" + problem.error().text + ")";
    if (!*problem) continue;
    found.push_back({.device = pins.device(),
                     .ifindex = identity ? identity->ifindex : 0,
                     .pin_directory = path,
                     .problem = std::move(**problem)});
    if (identity && identity->abi != 0 && is_here(*identity, *host))
      found.back().was_attached = requested_mode(identity->requested_mode);
  }
  const auto entries = datapath::root_entries(datapath::pin_root(context.bpffs));
  if (!entries) return std::unexpected(entries.error());
  for (const datapath::ForeignEntry& entry : entries->foreign)
    found.push_back(
        {.device = PinDirectory(entry.path).device(), .pin_directory = entry.path, .problem = entry.problem});
  return found;
}

Result<Report> remove_remains(const std::string& pin_directory) {
  auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  const PinDirectory pins(pin_directory);
  auto lock = pins.lock(PinDirectory::Access::write);
  if (!lock)
    return lock.error().code == ENOENT ? Report{.changed = false} : Result<Report>(std::unexpected(lock.error()));
  const auto identity = datapath::pin_identity(pin_directory);
  Report report;
  if (identity && identity->abi != 0 && is_here(*identity, *host)) {
    if (const netlink::Link* user = host->find(identity->ifindex); user != nullptr)
      return std::unexpected(Error{.text = pin_directory + " is in use by " + user->name +
                                           ", which had another name: rxfilter-loader detach " + user->name,
                                   .code = EBUSY});
    if (auto done = free_left_behind(pins, *lock, *identity, std::move(*host), report.notes); !done)
      return std::unexpected(done.error());
  } else if (identity && identity->abi != 0) {
    const auto used = is_in_use(pin_directory);
    if (!used) return std::unexpected(used.error());
    if (*used) return system_error(EBUSY, pin_directory + " is in use in another network namespace");
  }
  const auto left = pins.remove();
  if (!left) return std::unexpected(left.error());
  if (!left->empty()) report.notes.push_back(left_note(pins, *left));
  if (left->empty()) report.notes.push_back("removed what an earlier command or device had left in " + pin_directory);
  return report;
}

}  // namespace rxf::mirror
