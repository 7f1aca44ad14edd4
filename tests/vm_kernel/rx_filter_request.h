// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>

#include "loader/model/filter_set.h"
#include "loader/netlink/message.h"
#include "loader/netlink/socket.h"

namespace rxf::test {

// A part of a filter set as one IFLA_RX_FILTER carries it (docs/semantics.md, "The netlink API"): what is absent here
// is absent there, and stays as it is. Without either half, both are forgotten.
struct RxFilterChange {
  // Without any of the three, the half is forgotten.
  struct Addresses {
    std::optional<FilterFlags> flags;
    std::optional<AddressSet> unicast;
    std::optional<AddressSet> multicast;
  };
  // Without it, the half is forgotten.
  struct Vlans {
    std::optional<VlanSet> only;
  };

  std::optional<Addresses> addresses;
  std::optional<Vlans> vlans;
};

// Makes it `filter`, whatever it was: an absent half is forgotten.
RxFilterChange exactly(const FilterSet& filter);

// Appends the attribute, which has that number in the running kernel.
void put_rx_filter(netlink::Message& message, std::uint16_t attribute, const RxFilterChange& change);

// What a GETLINK's answer says with that attribute: strict about every nest, both lists and the flags of an address
// half there. nullopt where the answer has no such attribute.
Result<std::optional<FilterSet>> read_rx_filter(const nlmsghdr& answer, std::uint16_t attribute);

// RTM_SETLINK. The kernel's error comes with its code and its words.
Result<void> set_rx_filter(netlink::Socket& socket, std::uint16_t attribute, std::uint32_t ifindex,
                           const RxFilterChange& change);

// RTM_GETLINK with RTEXT_FILTER_RX_FILTER. nullopt where the kernel says nothing about filters.
Result<std::optional<FilterSet>> get_rx_filter(netlink::Socket& socket, std::uint16_t attribute, std::uint32_t ifindex);

}  // namespace rxf::test
