// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/rx_filter_request.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <vector>

#include "loader/netlink/rx_filter_codec.h"

namespace rxf::test {
namespace {

// A #define of the series, so not in BTF.
constexpr std::uint32_t kExtFilterRxFilter = 1U << 9;
constexpr std::size_t kMaxRequest = 32768;

void put_list(netlink::Message& message, std::uint16_t type, const AddressSet& addresses) {
  message.put_nest(type, [&] {
    for (const MacAddress& address : addresses) message.put(netlink::kAddrListEntry, address.bytes);
  });
}

void put_addresses(netlink::Message& message, const RxFilterChange::Addresses& change) {
  message.put_nest(netlink::kIflaAddrFilter, [&] {
    if (change.flags) message.put_u32(netlink::kAddrFilterFlags, change.flags->to_wire());
    if (change.unicast) put_list(message, netlink::kAddrFilterUcList, *change.unicast);
    if (change.multicast) put_list(message, netlink::kAddrFilterMcList, *change.multicast);
  });
}

void put_vlans(netlink::Message& message, const RxFilterChange::Vlans& change) {
  message.put_nest(netlink::kIflaVlanFilter, [&] {
    if (change.only) message.put(netlink::kVlanBitmap, change.only->bitmap());
  });
}

// The same attribute with the number that the codec is for.
std::vector<std::uint8_t> renumbered(const netlink::Attribute& attribute) {
  const nlattr header{
      .nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + attribute.payload.size()),
      .nla_type = static_cast<std::uint16_t>(attribute.flags | netlink::kIflaRxFilter),
  };
  std::vector<std::uint8_t> bytes(sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  bytes.insert(bytes.end(), attribute.payload.begin(), attribute.payload.end());
  return bytes;
}

}  // namespace

RxFilterChange exactly(const FilterSet& filter) {
  if (filter.unfiltered()) return {};
  RxFilterChange change{.addresses = RxFilterChange::Addresses{}, .vlans = RxFilterChange::Vlans{}};
  if (filter.addresses) {
    change.addresses->flags = filter.addresses->flags;
    change.addresses->unicast = filter.addresses->unicast;
    change.addresses->multicast = filter.addresses->multicast;
  }
  change.vlans->only = filter.vlans;
  return change;
}

void put_rx_filter(netlink::Message& message, std::uint16_t attribute, const RxFilterChange& change) {
  message.put_nest(attribute, [&] {
    if (change.addresses) put_addresses(message, *change.addresses);
    if (change.vlans) put_vlans(message, *change.vlans);
  });
}

Result<std::optional<FilterSet>> read_rx_filter(const nlmsghdr& answer, std::uint16_t attribute) {
  const auto body = netlink::body_of<ifinfomsg>(answer);
  if (!body) return std::unexpected(body.error());
  netlink::Bytes rest = body->attributes;
  while (const auto next = netlink::take_attribute(rest)) {
    if (next->type != attribute) continue;
    auto filter = netlink::decode(renumbered(*next));
    if (!filter) return std::unexpected(filter.error());
    return std::move(*filter);
  }
  return std::nullopt;
}

Result<void> set_rx_filter(netlink::Socket& socket, std::uint16_t attribute, std::uint32_t ifindex,
                           const RxFilterChange& change) {
  netlink::Message request(RTM_SETLINK, 0, kMaxRequest);
  request.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(ifindex)});
  put_rx_filter(request, attribute, change);
  return socket.request(request.header());
}

Result<std::optional<FilterSet>> get_rx_filter(netlink::Socket& socket, std::uint16_t attribute,
                                               std::uint32_t ifindex) {
  netlink::Message request(RTM_GETLINK, 0);
  request.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(ifindex)});
  request.put_u32(IFLA_EXT_MASK, kExtFilterRxFilter);
  std::optional<FilterSet> filter;
  const auto got = socket.request(request.header(), [&](const nlmsghdr& answer) -> Result<void> {
    auto read = read_rx_filter(answer, attribute);
    if (!read) return std::unexpected(read.error());
    filter = std::move(*read);
    return {};
  });
  if (!got) return std::unexpected(got.error());
  return filter;
}

}  // namespace rxf::test
