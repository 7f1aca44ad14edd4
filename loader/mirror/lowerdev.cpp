// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/lowerdev.h"

#include <linux/capability.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "loader/netlink/address_lists.h"
#include "loader/netlink/net_namespace.h"

namespace rxf::mirror {
namespace {

std::unexpected<Error> not_attached(const std::string& device) {
  return std::unexpected(Error{.text = device + " is not attached: rxfilter-loader attach " + device,
                               .code = ENOENT,
                               .exit = Exit::not_attached});
}

Result<void> check_owner(const rxf_meta& meta, const Host& host, const netlink::Link& link, const std::string& path) {
  if (meta.abi == 0) return not_attached(link.name);
  if (meta.abi != RXF_ABI_VERSION)
    return system_error(EPROTO, path + " was made by another version of rxfilter (map layout " +
                                    std::to_string(meta.abi) + ", this one has " + std::to_string(RXF_ABI_VERSION) +
                                    "): detach with that version first");
  if (meta.ifindex != link.ifindex || meta.netns_cookie != host.netns_cookie)
    return system_error(ESTALE, path + " belongs to an earlier device (ifindex " + std::to_string(meta.ifindex) +
                                    "): rxfilter-loader detach " + link.name + ", then attach");
  return {};
}

// Only devices that are not PASSTHRU share the lower device's list with somebody else.
bool shares_unicast_list(const Host& host, const netlink::Link& link) {
  const auto uppers = host.uppers_of(link.ifindex);
  return std::any_of(uppers.begin(), uppers.end(),
                     [](const netlink::Link* upper) { return upper->upper_mode != UpperMode::passthru; });
}

}  // namespace

Result<Host> Host::open() {
  auto socket = netlink::Socket::open();
  if (!socket) return std::unexpected(socket.error());
  Host host{.socket = std::move(*socket)};
  const auto cookie = netlink::netns_cookie();
  if (!cookie) return std::unexpected(cookie.error());
  host.netns_cookie = *cookie;
  if (!netlink::in_initial_netns()) host.netns_suffix = "@" + std::to_string(*cookie);
  if (auto looked = host.look_again(); !looked) return std::unexpected(looked.error());
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

Result<Records> Lowerdev::records() const {
  const auto values = maps.filters();
  if (!values) return std::unexpected(values.error());
  Records records;
  for (const auto& [ifindex, value] : *values) {
    auto record = decode(*value);
    if (!record) return wrap(record.error(), "filter of ifindex " + std::to_string(ifindex));
    records.emplace(ifindex, std::move(*record));
  }
  return records;
}

Result<void> Lowerdev::put_record(std::uint32_t ifindex, const FilterRecord& record) {
  if (record.filter.unfiltered() && record.owns_nothing()) return maps.erase_filter(ifindex);
  const auto value = std::make_unique<rxf_filter>();
  if (auto encoded = encode(record, *value); !encoded) return encoded;
  return maps.put_filter(ifindex, *value);
}

Result<Snapshot> Lowerdev::snapshot(const Records& records) {
  Snapshot snapshot{.ifindex = link.ifindex, .name = link.name, .address = link.address};
  for (const netlink::Link* upper : host.uppers_of(link.ifindex)) {
    const auto record = records.find(upper->ifindex);
    snapshot.uppers.push_back({.ifindex = upper->ifindex,
                               .name = upper->name,
                               .address = upper->address,
                               .mode = *upper->upper_mode,
                               .filter = record == records.end() ? FilterSet{} : record->second.filter});
  }
  for (const netlink::Link& other : host.links)
    if (other.lower == link.ifindex && other.vlan && *other.vlan != 0) snapshot.vlan_devices.insert(*other.vlan);
  if (shares_unicast_list(host, link)) {
    auto unicast = netlink::fdb_unicast(host.socket, link);
    if (!unicast) return std::unexpected(unicast.error());
    snapshot.unicast = std::move(*unicast);
  }
  return snapshot;
}

Result<void> check_privilege() {
  std::ifstream status("/proc/thread-self/status");
  std::uint64_t effective = 0;
  for (std::string word; status >> word;)
    if (word == "CapEff:") status >> std::hex >> effective;
  const auto has = [&](int capability) { return (effective >> capability & 1) != 0; };
  if (has(CAP_SYS_ADMIN) && has(CAP_NET_ADMIN)) return {};
  if (has(CAP_BPF) && has(CAP_NET_ADMIN)) return {};
  return system_error(EPERM, "no privilege: CAP_NET_ADMIN and CAP_BPF are needed, run as root");
}

datapath::PinDirectory pins_of(const Context& context, const Host& host, const std::string& device) {
  return {context.bpffs, {.device = device, .netns_suffix = host.netns_suffix}};
}

Result<Lowerdev> open_lowerdev(const Context& context, Host host, const netlink::Link& link,
                               datapath::PinDirectory::Access access) {
  auto pins = pins_of(context, host, link.name);
  auto lock = pins.lock(access);
  if (!lock) return lock.error().code == ENOENT ? not_attached(link.name) : std::unexpected(lock.error());
  auto maps = datapath::RuleMaps::open(pins.path());
  if (!maps) return maps.error().code == ENOENT ? not_attached(link.name) : std::unexpected(maps.error());
  const auto meta = maps->meta();
  if (!meta) return std::unexpected(meta.error());
  if (auto owner = check_owner(*meta, host, link, pins.path()); !owner) return std::unexpected(owner.error());
  if (auto looked = host.look_again(); !looked) return std::unexpected(looked.error());
  return Lowerdev{
      .host = std::move(host), .link = link, .pins = pins, .lock = std::move(*lock), .maps = std::move(*maps)};
}

}  // namespace rxf::mirror
