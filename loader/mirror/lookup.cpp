// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/lookup.h"

#include <algorithm>
#include <cerrno>

#include "loader/mirror/early_hook.h"

namespace rxf::mirror {
namespace {

using datapath::PinDirectory;
using datapath::PinIdentity;

bool holds_pins_of(const std::string& path, const Host& host, const netlink::Link& link) {
  const auto identity = datapath::pin_identity(path);
  return identity && is_of(*identity, host, link);
}

// That of its name, unless another one is its own.
Result<PinDirectory> find_pins(const Context& context, const Host& host, const netlink::Link& link) {
  PinDirectory named = pins_of(context, host, link.name);
  if (holds_pins_of(named.path(), host, link)) return named;
  const auto directories = datapath::pin_directories(named.root());
  if (!directories) return std::unexpected(directories.error());
  for (const std::string& path : *directories)
    if (holds_pins_of(path, host, link)) return PinDirectory(path);
  return named;
}

std::unexpected<Error> foreign_pins(Host& host, const netlink::Link& link, const LockedPins& found) {
  const PinIdentity& identity = found.identity;
  if (auto looked = host.look_again(); !looked) return std::unexpected(looked.error());
  if (identity.netns_cookie == host.netns_cookie && host.find(identity.ifindex) != nullptr)
    return not_attached(link.name);
  return std::unexpected(Error{.text = link.name + " is not the device that was attached (" + found.pins.path() +
                                       " is of ifindex " + std::to_string(identity.ifindex) +
                                       ", which is gone): rxfilter-loader attach " + link.name + " begins anew",
                               .code = ESTALE});
}

Result<Fd> try_lock(const PinDirectory& pins) {
  auto lock = pins.try_lock();
  if (!lock && (lock.error().code == EWOULDBLOCK || lock.error().code == ENOENT))
    return system_error(EALREADY, pins.path());
  return lock;
}

}  // namespace

std::unexpected<Error> not_attached(const std::string& device) {
  return std::unexpected(Error{.text = device + " is not attached: rxfilter-loader attach " + device,
                               .code = ENOENT,
                               .exit = Exit::not_attached});
}

std::unexpected<Error> no_upper(const std::string& device) {
  return std::unexpected(
      Error{.text = device + " is no macvlan or macvtap: only those have a receive filter", .code = EOPNOTSUPP});
}

Result<Found> find_link(const netlink::LinkName& which) {
  if (auto allowed = check_privilege(); !allowed) return std::unexpected(allowed.error());
  auto host = Host::connect();
  if (!host) return std::unexpected(host.error());
  auto link = netlink::find_link(host->socket, which);
  if (!link) return std::unexpected(link.error());
  return Found{std::move(*host), std::move(*link)};
}

Result<netlink::Link> lower_of(Host& host, const netlink::Link& upper) {
  if (upper.lower_elsewhere || !upper.lower)
    return std::unexpected(
        Error{.text = "the lower device of " + upper.name + " is in another network namespace: run there",
              .code = EXDEV,
              .exit = Exit::not_attached});
  return netlink::link_by_index(host.socket, *upper.lower);
}

bool is_of(const PinIdentity& identity, const Host& host, const netlink::Link& link) {
  return identity.abi != 0 && identity.ifindex == link.ifindex && identity.netns_cookie == host.netns_cookie;
}

Result<LockedPins> lock_pins(const Context& context, Host& host, const netlink::Link& link,
                             PinDirectory::Access access) {
  for (;;) {
    const auto pins = find_pins(context, host, link);
    if (!pins) return std::unexpected(pins.error());
    auto lock = pins->lock(access);
    if (!lock) return lock.error().code == ENOENT ? not_attached(link.name) : std::unexpected(lock.error());
    auto identity = datapath::pin_identity(pins->path());
    if (!identity && identity.error().code != ENOENT) return std::unexpected(identity.error());
    if (!identity || identity->abi == 0) return not_attached(link.name);
    LockedPins found{.pins = *pins, .lock = std::move(*lock), .identity = std::move(*identity)};
    if (is_of(found.identity, host, link)) return found;
    // They may have been given their own place while we waited.
    const auto again = find_pins(context, host, link);
    if (!again) return std::unexpected(again.error());
    if (again->path() == found.pins.path()) return foreign_pins(host, link, found);
  }
}

Result<std::vector<Attached>> attached_here(const Context& context, const Host& host) {
  const auto directories = datapath::pin_directories(datapath::pin_root(context.bpffs));
  if (!directories) return std::unexpected(directories.error());
  std::vector<Attached> devices;
  for (const std::string& path : *directories) {
    const auto identity = datapath::pin_identity(path);
    if (!identity) continue;
    const netlink::Link* link = host.find(identity->ifindex);
    if (link == nullptr || !is_of(*identity, host, *link)) continue;
    devices.push_back({.name = link->name,
                       .ifindex = link->ifindex,
                       .mode = requested_mode(identity->requested_mode),
                       .pins = path.substr(path.rfind('/') + 1),
                       .confirm_by = datapath::pinned_deadline(path).value_or(0)});
  }
  std::ranges::sort(devices, {}, &Attached::name);
  return devices;
}

Result<void> check_layout(const PinIdentity& identity, const netlink::Link& link) {
  if (identity.abi == RXF_ABI_VERSION) return {};
  const std::string what = link.name + " was attached by another version of rxfilter (map layout " +
                           std::to_string(identity.abi) + ", this one has " + std::to_string(RXF_ABI_VERSION) + "): ";
  return std::unexpected(
      Error{.text = what + (identity.abi < RXF_ABI_VERSION ? "rxfilter-loader attach " + link.name + " upgrades it"
                                                           : "use that version, or detach with it first"),
            .code = EPROTO});
}

Result<void> take_own_place(const Context& context, Lowerdev& device, std::vector<std::string>& notes) {
  const PinDirectory own = pins_of(context, device.host, device.link.name);
  if (own.path() == device.pins.path()) return {};
  Fd lock;
  if (own.exists()) {
    auto taken = try_lock(own);
    if (!taken) return std::unexpected(taken.error());
    lock = std::move(*taken);
  }
  if (auto done = device.pins.move_to(own); !done) return done;
  notes.push_back(device.link.name + " had another name: its pins were moved from " + device.pins.path());
  device.pins = own;
  auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  std::fill(std::begin(meta->name), std::end(meta->name), '\0');
  device.link.name.copy(meta->name, sizeof(meta->name) - 1);
  return device.maps.put_meta(*meta);
}

// Every turn gives one directory its own place, so it ends.
Result<void> make_room_for(const Context& context, const Host& host, const netlink::Link& link) {
  const PinDirectory wanted = pins_of(context, host, link.name);
  for (;;) {
    const auto identity = datapath::pin_identity(wanted.path());
    if (!identity || identity->abi == 0 || identity->netns_cookie != host.netns_cookie) return {};
    const netlink::Link* owner = host.find(identity->ifindex);
    if (owner == nullptr || owner->name == link.name) return {};
    const PinDirectory own = pins_of(context, host, owner->name);
    const auto lock = try_lock(wanted);
    if (!lock) return std::unexpected(lock.error());
    Fd other;
    if (own.exists()) {
      auto taken = try_lock(own);
      if (!taken) return std::unexpected(taken.error());
      other = std::move(*taken);
    }
    if (auto done = wanted.move_to(own); !done) return done;
  }
}

}  // namespace rxf::mirror
