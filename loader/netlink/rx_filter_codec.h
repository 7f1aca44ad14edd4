// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "loader/model/filter_set.h"

namespace rxf::netlink {

// Attribute numbers of the filter message (docs/semantics.md, "The netlink API"). IFLA_RX_FILTER itself has the number
// of the API socket; a patched kernel's own is resolved from its BTF elsewhere.
inline constexpr std::uint16_t kIflaRxFilter = 66;
enum RxFilterAttribute : std::uint16_t { kIflaAddrFilter = 1, kIflaVlanFilter = 2 };
enum AddrFilterAttribute : std::uint16_t { kAddrFilterFlags = 1, kAddrFilterUcList = 2, kAddrFilterMcList = 3 };
enum AddrListAttribute : std::uint16_t { kAddrListEntry = 1 };
enum VlanFilterAttribute : std::uint16_t { kVlanBitmap = 1 };

// The attribute IFLA_RX_FILTER (with its header, nests flagged NLA_F_NESTED, padded to 4) that holds the whole set. An
// unfiltered one is an empty IFLA_RX_FILTER. `filter` is valid (validate()); the result is at most 16,384 bytes.
std::vector<std::uint8_t> encode(const FilterSet& filter);

// The reverse, for what encode() wrote: a whole set, both lists and flags present in an address half. Strict: a
// truncated attribute, a wrong length (ERANGE), an unknown attribute, a missing NLA_F_NESTED, a duplicate attribute or
// a set that validate() refuses is a usage error that names the attribute.
Result<FilterSet> decode(std::span<const std::uint8_t> bytes);

}  // namespace rxf::netlink
