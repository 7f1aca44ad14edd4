// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/lowerdev.h"

#include <linux/capability.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/device_view.h"
#include "loader/mirror/kernel_filters.h"
#include "loader/mirror/lookup.h"
#include "loader/mirror/upper_identity.h"
#include "loader/netlink/address_lists.h"
#include "loader/netlink/net_namespace.h"

namespace rxf::mirror {
namespace {

// Only devices that are not PASSTHRU share the lower device's list with somebody else.
bool shares_unicast_list(const Host& host, const netlink::Link& link) {
  const auto uppers = host.uppers_of(link.ifindex);
  return std::any_of(uppers.begin(), uppers.end(),
                     [](const netlink::Link* upper) { return upper->upper_mode != UpperMode::passthru; });
}

bool asks_for_further_unicast(const Snapshot& snapshot) {
  return std::ranges::any_of(snapshot.uppers, [](const Upper& upper) {
    return upper.mode != UpperMode::passthru && upper.filter.addresses && !upper.filter.addresses->unicast.empty();
  });
}

}  // namespace

Result<Host> Host::open() {
  auto host = connect();
  if (host)
    if (auto looked = host->look_again(); !looked) return std::unexpected(looked.error());
  return host;
}

Result<Host> Host::connect() {
  auto socket = netlink::Socket::open();
  if (!socket) return std::unexpected(socket.error());
  Host host{.socket = std::move(*socket)};
  const auto cookie = netlink::netns_cookie();
  if (!cookie) return std::unexpected(cookie.error());
  host.netns_cookie = *cookie;
  if (!netlink::in_initial_netns()) host.netns_suffix = "@" + std::to_string(*cookie);
  return host;
}

Result<void> Host::look_again() {
  auto found = netlink::links(socket);
  if (!found) return std::unexpected(found.error());
  links = std::move(*found);
  return {};
}

const netlink::Link* Host::find(std::uint32_t ifindex) const {
  const auto found =
      std::find_if(links.begin(), links.end(), [&](const netlink::Link& link) { return link.ifindex == ifindex; });
  return found == links.end() ? nullptr : &*found;
}

std::vector<const netlink::Link*> Host::uppers_of(std::uint32_t lower) const {
  std::vector<const netlink::Link*> uppers;
  for (const netlink::Link& link : links)
    if (link.is_upper() && link.lower == lower) uppers.push_back(&link);
  std::sort(uppers.begin(), uppers.end(), [](const auto* a, const auto* b) { return a->ifindex < b->ifindex; });
  return uppers;
}

Result<Records> Lowerdev::records() {
  const auto values = maps.filters();
  if (!values) return std::unexpected(values.error());
  const auto others = strangers(*this);
  if (!others) return std::unexpected(others.error());
  Records records;
  for (const auto& [ifindex, value] : *values) {
    if (others->contains(ifindex)) continue;
    auto record = decode(*value);
    if (!record) continue;
    records.emplace(ifindex, std::move(*record));
  }
  if (auto done = read_kernel_filters(*this, records); !done) return std::unexpected(done.error());
  return records;
}

Result<void> Lowerdev::put_record(std::uint32_t ifindex, const FilterRecord& record) {
  FilterRecord kept = record;
  if (const netlink::Link* owner = upper(ifindex); owner != nullptr && kept_by_kernel(*owner)) kept.filter = {};
  if (kept.filter.unfiltered() && kept.owns_nothing()) return maps.erase_filter(ifindex);
  const auto value = std::make_unique<rxf_filter>();
  if (auto encoded = encode(kept, *value); !encoded) return encoded;
  return maps.put_filter(ifindex, *value);
}

const netlink::Link* Lowerdev::upper(std::uint32_t ifindex) const {
  const netlink::Link* found = host.find(ifindex);
  return found != nullptr && found->is_upper() && found->lower == link.ifindex ? found : nullptr;
}

Result<Snapshot> Lowerdev::snapshot(const Records& records) {
  Snapshot snapshot{.ifindex = link.ifindex,
                    .name = link.name,
                    .address = link.address,
                    .can_stand_down = datapath::device_sight() != RXF_SIGHT_NONE};
  for (const netlink::Link* upper : host.uppers_of(link.ifindex)) {
    const auto record = records.find(upper->ifindex);
    snapshot.uppers.push_back({.ifindex = upper->ifindex,
                               .name = upper->name,
                               .address = upper->address,
                               .mode = *upper->upper_mode,
                               .filter = record == records.end() ? FilterSet{} : record->second.filter,
                               .kept_by_kernel = kept_by_kernel(*upper)});
  }
  for (const auto& [ifindex, record] : records)
    snapshot.listed_by_us.insert(record.owned_below.begin(), record.owned_below.end());
  for (const netlink::Link& other : host.links)
    if (other.lower == link.ifindex && !other.is_upper())
      snapshot.others.push_back({.name = other.name, .address = other.address});
  for (const netlink::Link& other : host.links)
    if (other.lower == link.ifindex)
      for (const auto& vid : {other.vlan, other.service_vlan})
        if (vid.value_or(0) != 0) snapshot.vlan_devices.insert(*vid);
  if (shares_unicast_list(host, link)) {
    auto unicast = netlink::fdb_unicast(host.socket, link);
    if (!unicast) return std::unexpected(unicast.error());
    snapshot.unicast = std::move(*unicast);
  }
  return snapshot;
}

Result<Snapshot> Lowerdev::whole_snapshot(const Records& records) {
  auto whole = snapshot(records);
  if (whole) whole->unicast_filter = asks_for_further_unicast(*whole) && has_unicast_filter(link);
  return whole;
}

Result<void> check_privilege() {
  std::ifstream status("/proc/thread-self/status");
  std::uint64_t effective = 0;
  for (std::string word; status >> word;)
    if (word == "CapEff:") status >> std::hex >> effective;
  const auto has = [&](int capability) { return (effective >> capability & 1) != 0; };
  if (has(CAP_SYS_ADMIN) && has(CAP_NET_ADMIN)) return {};
  return system_error(EPERM, "no privilege: CAP_NET_ADMIN and CAP_SYS_ADMIN are needed, run as root");
}

Result<void> check_lower(const netlink::Link& link) {
  if (link.loopback) return usage_error(link.name + " is the loopback device: nothing to filter there");
  if (link.is_upper())
    return usage_error(link.name + " is itself a " + link.kind + ": attach to its lower device, then set " + link.name);
  if (!link.ethernet) return usage_error(link.name + " is no Ethernet device");
  return {};
}

bool has_unicast_filter(const netlink::Link& link) {
  const auto view = datapath::view_device(link.ifindex);
  return view && view->unicast_filter;
}

datapath::PinDirectory pins_of(const Context& context, const Host& host, const std::string& device) {
  return {context.bpffs, {.device = device, .netns_suffix = host.netns_suffix}};
}

Result<Lowerdev> open_locked(const Context& context, LockedPins found, Host host, const netlink::Link& link) {
  auto maps = datapath::RuleMaps::open(found.pins.path());
  if (!maps) return std::unexpected(maps.error());
  if (auto looked = host.look_again(); !looked) return std::unexpected(looked.error());
  return Lowerdev{.host = std::move(host),
                  .link = link,
                  .pins = std::move(found.pins),
                  .lock = std::move(found.lock),
                  .maps = std::move(*maps),
                  .followed = context.followed ? context.followed() : std::set<std::uint32_t>{}};
}

Result<Lowerdev> open_lowerdev(const Context& context, Host host, const netlink::Link& link,
                               datapath::PinDirectory::Access access) {
  auto found = lock_pins(context, host, link, access);
  if (!found) return std::unexpected(found.error());
  if (auto same = check_layout(found->identity, link); !same) return std::unexpected(same.error());
  return open_locked(context, std::move(*found), std::move(host), link);
}

}  // namespace rxf::mirror
