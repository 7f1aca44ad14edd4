// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/kernel_lists.h"

#include <cerrno>
#include <functional>

#include "loader/mirror/all_multicast.h"
#include "loader/netlink/address_lists.h"

namespace rxf::mirror {
namespace {

using Change = std::function<Result<void>(const MacAddress&)>;

// Entries that somebody else added since the look are theirs.
Result<void> add_all(const AddressSet& missing, AddressSet& owned, const Change& add, const std::string& what) {
  for (const MacAddress& address : missing) {
    const auto done = add(address);
    if (done) continue;
    if (done.error().code != EEXIST) return wrap(done.error(), "add " + to_string(address) + " to " + what);
    owned.erase(address);
  }
  return {};
}

Result<void> remove_all(const AddressSet& surplus, AddressSet& owned, const Change& remove, const std::string& what) {
  for (const MacAddress& address : surplus) {
    const auto done = remove(address);
    if (!done && done.error().code != ENOENT)
      return wrap(done.error(), "remove " + to_string(address) + " from " + what);
    owned.erase(address);
  }
  return {};
}

// Fills `seen` with what `look` finds, unless it was looked at before.
template <class T, class Look>
Result<void> look_once(std::optional<T>& seen, Look look) {
  if (seen) return {};
  auto found = look();
  if (!found) return std::unexpected(found.error());
  seen = std::move(*found);
  return {};
}

Result<void> widen_below(Lowerdev& device, const netlink::Link& upper, FilterRecord& record, const AddressSet& wanted,
                         ListsSeen& seen) {
  if (wanted.empty()) return {};
  const auto look = [&] { return netlink::fdb_unicast(device.host.socket, device.link); };
  if (auto looked = look_once(seen.below, look); !looked) return looked;
  const AddressSet missing = difference(wanted, *seen.below);
  if (missing.empty()) return {};
  record.owned_below.insert(missing.begin(), missing.end());
  if (auto done = device.put_record(upper.ifindex, record); !done) return done;
  const auto add = [&](const MacAddress& a) { return netlink::fdb_add(device.host.socket, device.link, a); };
  return add_all(missing, record.owned_below, add, device.link.name + "'s unicast list");
}

Result<void> narrow_below(Lowerdev& device, FilterRecord& record, const AddressSet& wanted) {
  const auto remove = [&](const MacAddress& a) { return netlink::fdb_delete(device.host.socket, device.link, a); };
  return remove_all(difference(record.owned_below, wanted), record.owned_below, remove,
                    device.link.name + "'s unicast list");
}

}  // namespace

Result<void> widen_kernel_lists(Lowerdev& device, const netlink::Link& upper, FilterRecord& record,
                                const KernelLists& wanted, ListsSeen& seen) {
  if (auto done = widen_below(device, upper, record, wanted.below, seen); !done) return done;
  Result<AddressSet> unicast;
  if (!wanted.unicast.empty()) unicast = netlink::fdb_unicast(device.host.socket, upper);
  if (!unicast) return std::unexpected(unicast.error());
  if (!wanted.multicast.empty())
    if (auto looked = look_once(seen.multicast, [] { return netlink::multicast_references(); }); !looked) return looked;
  const AddressSet missing_unicast = difference(wanted.unicast, *unicast);
  const AddressSet missing_multicast =
      wanted.multicast.empty() ? AddressSet{} : difference(wanted.multicast, (*seen.multicast)[upper.ifindex]);

  if (!missing_unicast.empty() || !missing_multicast.empty()) {
    record.owned_unicast.insert(missing_unicast.begin(), missing_unicast.end());
    record.owned_multicast.insert(missing_multicast.begin(), missing_multicast.end());
    if (auto done = device.put_record(upper.ifindex, record); !done) return done;
  }
  const auto fdb_add = [&](const MacAddress& a) { return netlink::fdb_add(device.host.socket, upper, a); };
  const auto multicast_add = [&](const MacAddress& a) { return netlink::multicast_add(upper, a); };
  if (auto done = add_all(missing_unicast, record.owned_unicast, fdb_add, upper.name + "'s unicast list"); !done)
    return done;
  if (auto done = add_all(missing_multicast, record.owned_multicast, multicast_add, upper.name + "'s multicast list");
      !done)
    return done;
  return wanted.allmulti ? widen_all_multicast(device, upper, record) : Result<void>{};
}

Result<void> narrow_kernel_lists(Lowerdev& device, const netlink::Link& upper, FilterRecord& record,
                                 const KernelLists& wanted, const AddressSet& wanted_below,
                                 std::vector<std::string>& notes) {
  const FilterRecord before = record;
  if (auto done = narrow_below(device, record, wanted_below); !done) return done;
  const auto fdb_delete = [&](const MacAddress& a) { return netlink::fdb_delete(device.host.socket, upper, a); };
  const auto multicast_delete = [&](const MacAddress& a) { return netlink::multicast_delete(upper, a); };
  if (auto done = remove_all(difference(record.owned_unicast, wanted.unicast), record.owned_unicast, fdb_delete,
                             upper.name + "'s unicast list");
      !done)
    return done;
  const AddressSet surplus_multicast = difference(record.owned_multicast, wanted.multicast);
  if (auto done =
          remove_all(surplus_multicast, record.owned_multicast, multicast_delete, upper.name + "'s multicast list");
      !done)
    return done;
  // macvlan works out what to receive before a group that was left has gone from the list: the last one would linger.
  if (!surplus_multicast.empty())
    if (auto done = netlink::reload_lists(device.host.socket, upper); !done) return done;
  if (auto done = narrow_all_multicast(device, upper, record, wanted.allmulti, notes); !done) return done;
  if (record == before && !(record.filter.unfiltered() && record.owns_nothing())) return {};
  return device.put_record(upper.ifindex, record);
}

Result<void> forget_kernel_lists(Lowerdev& device, std::uint32_t ifindex, FilterRecord& record,
                                 const AddressSet& wanted_below) {
  if (auto done = narrow_below(device, record, wanted_below); !done) return done;
  if (auto done = release_all_multicast_below(device, ifindex, record); !done) return done;
  return device.maps.erase_filter(ifindex);
}

}  // namespace rxf::mirror
