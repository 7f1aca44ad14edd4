// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "loader/model/filter_change.h"
#include "loader/netlink/message.h"

namespace rxf::netlink {

// Attribute numbers of the filter message (docs/netlink-api.md). IFLA_RX_FILTER itself has the number of the API
// socket; a patched kernel's own is datapath::rx_filter_attribute().
inline constexpr std::uint16_t kIflaRxFilter = 66;
enum RxFilterAttribute : std::uint16_t { kIflaAddrFilter = 1, kIflaVlanFilter = 2 };
enum AddrFilterAttribute : std::uint16_t { kAddrFilterFlags = 1, kAddrFilterUcList = 2, kAddrFilterMcList = 3 };
enum AddrListAttribute : std::uint16_t { kAddrListEntry = 1 };
enum VlanFilterAttribute : std::uint16_t { kVlanBitmap = 1 };

// A message with nothing else in it but its fixed part and a whole set has at most so many bytes.
inline constexpr std::size_t kMaxRxFilterMessage = 16384;

// Appends IFLA_RX_FILTER with that number: nests flagged NLA_F_NESTED, lists ascending.
void put_rx_filter(Message& message, std::uint16_t attribute, const FilterChange& change);

struct AttributeError {
  Error error;  // Exit::usage, the kernel's code, and a sentence that begins with the attribute's name
  // Where the header of the attribute at fault is, from the payload's first byte; -4 where it is the one whose payload
  // that is.
  std::ptrdiff_t offset = 0;
  bool of_value = false;  // of part 2 below, which the kernel leaves out where the link has no filter
};

// The reverse, for the payload of IFLA_RX_FILTER; as strict as the patched kernel, with its codes, and with the error
// that it would find first:
//   1. by the form, in the order of the bytes: EINVAL for what is cut short, an unknown attribute, a missing or
//      unexpected NLA_F_NESTED, FLAGS of another length or with unknown bits; ERANGE for an entry or a bitmap of
//      another length, and for 1 to 3 bytes alone in a nest;
//   2. by the values: EADDRNOTAVAIL for an address in the wrong list, broadcast and zero; EINVAL for VID 0 or 4095.
// Of an attribute given twice the last counts, as to its values. Addresses come in any order, and twice.
// Whether the change fits the set that is there (flags, the number of addresses) is for merged() to say.
std::expected<FilterChange, AttributeError> decode_change(Bytes payload);
// As above, for the attribute itself, which has to be NLA_F_NESTED too.
std::expected<FilterChange, AttributeError> decode_change(const Attribute& attribute);

// IFLA_RX_FILTER (number 66, header included) that states the set, which is valid (validate()). An unfiltered one is
// an empty nest.
std::vector<std::uint8_t> encode(const FilterSet& filter);

// What encode() wrote: that attribute, nothing beside it, and a whole set in it, both lists and the flags in an address
// half. Anything else: the error of decode_change(), or EINVAL.
Result<FilterSet> decode(std::span<const std::uint8_t> bytes);

}  // namespace rxf::netlink
