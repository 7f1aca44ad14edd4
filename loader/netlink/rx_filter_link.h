// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "loader/model/filter_change.h"
#include "loader/netlink/message.h"
#include "loader/netlink/socket.h"

namespace rxf::netlink {

// RTEXT_FILTER_RX_FILTER, the bit of IFLA_EXT_MASK that asks for IFLA_RX_FILTER: a #define of the patched kernel, so in
// no header here and not in BTF.
inline constexpr std::uint32_t kExtFilterRxFilter = 1U << 9;

// Filter sets of links in the socket's network namespace, of a kernel where IFLA_RX_FILTER has the number `attribute`
// (datapath::rx_filter_attribute()). Every other kernel takes the number for something else.

// RTM_SETLINK. The kernel's error comes with its code and its words.
Result<void> set_rx_filter(Socket& socket, std::uint16_t attribute, std::uint32_t ifindex, const FilterChange& change);

// RTM_GETLINK of one. nullopt where the kernel says nothing about filters of that link.
Result<std::optional<FilterSet>> get_rx_filter(Socket& socket, std::uint16_t attribute, std::uint32_t ifindex);

// RTM_GETLINK of all: the links that state a filter set, by ifindex.
Result<std::map<std::uint32_t, FilterSet>> rx_filters(Socket& socket, std::uint16_t attribute);

// What a RTM_NEWLINK states with that attribute, strictly; nullopt where it has none.
Result<std::optional<FilterSet>> read_rx_filter(const nlmsghdr& answer, std::uint16_t attribute);

}  // namespace rxf::netlink
