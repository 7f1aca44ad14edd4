// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/filter_record.h"

#include <algorithm>
#include <cerrno>

#include "loader/netlink/rx_filter_codec.h"

namespace rxf::mirror {
namespace {

__u32 owned_flags(const FilterRecord& record) {
  return (record.owned_allmulti ? RXF_OWNED_ALLMULTI : 0) | (record.owned_below.empty() ? 0 : RXF_OWNED_BELOW) |
         (record.owned_promisc ? RXF_OWNED_PROMISC : 0) | (record.owned_allmulti_below ? RXF_OWNED_ALLMULTI_BELOW : 0);
}

}  // namespace

Result<void> encode(const FilterRecord& record, rxf_filter& value) {
  const auto message = netlink::encode(record.filter);
  const AddressSet& unicast = record.owned_below.empty() ? record.owned_unicast : record.owned_below;
  if (unicast.size() + record.owned_multicast.size() > RXF_MAX_OWNED || message.size() > RXF_FILTER_MESSAGE_SIZE)
    return system_error(E2BIG, "filter record");
  value = rxf_filter{.message_length = static_cast<__u32>(message.size()),
                     .owned_flags = owned_flags(record),
                     .owned_unicast = static_cast<__u32>(unicast.size()),
                     .owned_multicast = static_cast<__u32>(record.owned_multicast.size())};
  std::copy(message.begin(), message.end(), value.message);
  std::size_t at = 0;
  for (const AddressSet* owned : {&unicast, &record.owned_multicast})
    for (const MacAddress& address : *owned) std::copy(address.bytes.begin(), address.bytes.end(), value.owned[at++]);
  return {};
}

Result<FilterRecord> decode(const rxf_filter& value) {
  if (value.message_length > RXF_FILTER_MESSAGE_SIZE || value.owned_unicast > RXF_MAX_OWNED ||
      value.owned_multicast > RXF_MAX_OWNED - value.owned_unicast)
    return system_error(EPROTO, "filter record with impossible lengths");
  auto filter = netlink::decode({value.message, value.message_length});
  if (!filter) return std::unexpected(filter.error());
  FilterRecord record{.filter = std::move(*filter),
                      .owned_allmulti = (value.owned_flags & RXF_OWNED_ALLMULTI) != 0,
                      .owned_promisc = (value.owned_flags & RXF_OWNED_PROMISC) != 0,
                      .owned_allmulti_below = (value.owned_flags & RXF_OWNED_ALLMULTI_BELOW) != 0};
  for (std::size_t i = 0; i < value.owned_unicast + value.owned_multicast; ++i) {
    AddressSet& unicast = (value.owned_flags & RXF_OWNED_BELOW) != 0 ? record.owned_below : record.owned_unicast;
    AddressSet& owned = i < value.owned_unicast ? unicast : record.owned_multicast;
    owned.insert(MacAddress::from_bytes(value.owned[i]));
  }
  return record;
}

}  // namespace rxf::mirror
