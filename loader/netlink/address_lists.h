// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <map>

#include "loader/model/filter_set.h"
#include "loader/netlink/links.h"
#include "loader/netlink/socket.h"

namespace rxf::netlink {

// Unicast addresses on the link's own list (`bridge fdb show dev LINK self`): RTM_GETNEIGH, AF_BRIDGE. Multicast ones
// in the same dump are left out.
Result<AddressSet> fdb_unicast(Socket& socket, const Link& link);

// `bridge fdb add ADDRESS dev LINK self permanent`. An address that is there already is error EEXIST.
Result<void> fdb_add(Socket& socket, const Link& link, const MacAddress& address);
// An address that is not there is error ENOENT.
Result<void> fdb_delete(Socket& socket, const Link& link, const MacAddress& address);

// Addresses of the link with a reference as of SIOCADDMULTI: /proc/thread-self/net/dev_mcast, column "global use".
// The kernel keeps one such reference, however often it is asked for.
Result<AddressSet> multicast_references(const Link& link);

// Of every link of the namespace that has some, by ifindex.
using MulticastReferences = std::map<std::uint32_t, AddressSet>;
Result<MulticastReferences> multicast_references();

// SIOCADDMULTI and SIOCDELMULTI (netdevice(7)) in the caller's namespace. Deleting what is not there is error ENOENT.
Result<void> multicast_add(const Link& link, const MacAddress& address);
Result<void> multicast_delete(const Link& link, const MacAddress& address);

}  // namespace rxf::netlink
