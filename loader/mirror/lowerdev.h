// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/datapath/grace_period.h"
#include "loader/datapath/pin_directory.h"
#include "loader/datapath/rule_maps.h"
#include "loader/mirror/filter_record.h"
#include "loader/mirror/operations.h"
#include "loader/model/snapshot.h"
#include "loader/netlink/links.h"

namespace rxf::mirror {

using Records = std::map<std::uint32_t, FilterRecord>;  // by ifindex of the upper

// The links of the calling thread's namespace, and who it is.
struct Host {
  netlink::Socket socket;
  std::vector<netlink::Link> links;
  std::uint64_t netns_cookie = 0;
  std::string netns_suffix;  // datapath::PinOwner

  static Result<Host> open();
  // Without the links, for who is to look again before they matter.
  static Result<Host> connect();
  Result<void> look_again();
  // nullptr where there is none (any more).
  [[nodiscard]] const netlink::Link* find(std::uint32_t ifindex) const;
  // Macvlans and macvtaps on a lower device, by ifindex.
  [[nodiscard]] std::vector<const netlink::Link*> uppers_of(std::uint32_t lower) const;
};

// An attached lower device, locked. The lock goes with the object.
struct Lowerdev {
  Host host;
  netlink::Link link;
  datapath::PinDirectory pins;
  Fd lock;
  datapath::RuleMaps maps;
  std::set<std::uint32_t> followed{};  // Context::followed

  // nullptr where there is no upper with that ifindex on it: deleted, moved away, or on another lower device.
  [[nodiscard]] const netlink::Link* upper(std::uint32_t ifindex) const;
  // Without those of uppers that are others now (upper_identity.h), and those that cannot be read (damaged_records.h);
  // with the filter sets that the kernel keeps.
  Result<Records> records();
  Result<void> put_record(std::uint32_t ifindex, const FilterRecord& record);
  // All but whether the device has a unicast filter, which takes a BPF program to see.
  Result<Snapshot> snapshot(const Records& records);
  // With that, if it matters.
  Result<Snapshot> whole_snapshot(const Records& records);
};

// CAP_NET_ADMIN and CAP_SYS_ADMIN: every verb needs them. CAP_BPF is not enough: which program is on a hook, and whose
// maps it uses, the kernel tells only the latter (BPF_PROG_GET_FD_BY_ID).
Result<void> check_privilege();

// Usage error for a link that cannot be a lower device: loopback, itself a macvlan or macvtap, not Ethernet.
Result<void> check_lower(const netlink::Link& link);

datapath::PinDirectory pins_of(const Context& context, const Host& host, const std::string& device);

// IFF_UNICAST_FLT. Unknown counts as none: the lower device is promiscuous then anyway.
[[nodiscard]] bool has_unicast_filter(const netlink::Link& link);

// With pins that are its own and of this version's layout.
struct LockedPins;
Result<Lowerdev> open_locked(const Context& context, LockedPins found, Host host, const netlink::Link& link);

// Exit::not_attached where it is not; error where the pins are an earlier device's or another version's.
Result<Lowerdev> open_lowerdev(const Context& context, Host host, const netlink::Link& link,
                               datapath::PinDirectory::Access access);

}  // namespace rxf::mirror
