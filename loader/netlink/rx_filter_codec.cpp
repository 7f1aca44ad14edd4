// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/rx_filter_codec.h"

#include <linux/if_ether.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <map>

#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

constexpr std::size_t kMaxEncodedBytes = 16384;

struct Expected {
  std::uint16_t type = 0;
  const char* name = "";
  bool nested = true;
  std::size_t size = 0;  // where not nested
};

constexpr std::array kTopLevel = {Expected{kIflaRxFilter, "IFLA_RX_FILTER"}};
constexpr std::array kHalves = {
    Expected{kIflaAddrFilter, "IFLA_ADDR_FILTER"},
    Expected{kIflaVlanFilter, "IFLA_VLAN_FILTER"},
};
constexpr std::array kAddressHalf = {
    Expected{kAddrFilterFlags, "IFLA_ADDR_FILTER_FLAGS", false, sizeof(std::uint32_t)},
    Expected{kAddrFilterUcList, "IFLA_ADDR_FILTER_UC_LIST"},
    Expected{kAddrFilterMcList, "IFLA_ADDR_FILTER_MC_LIST"},
};
constexpr std::array kAddressList = {Expected{kAddrListEntry, "IFLA_ADDR_LIST_ENTRY", false, ETH_ALEN}};
constexpr std::array kVlanHalf = {Expected{kVlanBitmap, "IFLA_VLAN_BITMAP", false, VlanSet::kBitmapBytes}};

using Payloads = std::map<std::uint16_t, Bytes>;

std::unexpected<Error> refused(int code, const std::string& where, const std::string& why) {
  auto error = usage_error(where + ": " + why);
  error.error().code = code;
  return error;
}

Result<void> check(const Attribute& attribute, const Expected& expected) {
  const std::uint16_t flags = expected.nested ? NLA_F_NESTED : 0;
  if (attribute.flags != flags) {
    return refused(EINVAL, expected.name, expected.nested ? "NLA_F_NESTED is missing" : "flags in the attribute type");
  }
  if (!expected.nested && attribute.payload.size() != expected.size) {
    return refused(ERANGE, expected.name,
                   std::to_string(attribute.payload.size()) + " bytes instead of " + std::to_string(expected.size));
  }
  return {};
}

// Takes one attribute of the nest `parent` off `bytes`, which are not empty.
Result<Attribute> take_expected(Bytes& bytes, std::span<const Expected> all, const std::string& parent) {
  const auto attribute = take_attribute(bytes);
  if (!attribute) return refused(EINVAL, parent, "an attribute is cut short");
  const auto expected = std::ranges::find(all, attribute->type, &Expected::type);
  if (expected == all.end()) return refused(EINVAL, parent, "unknown attribute " + std::to_string(attribute->type));
  if (auto checked = check(*attribute, *expected); !checked) return std::unexpected(checked.error());
  return *attribute;
}

Result<Payloads> parse_nest(Bytes bytes, std::span<const Expected> all, const std::string& parent) {
  Payloads payloads;
  while (!bytes.empty()) {
    const auto attribute = take_expected(bytes, all, parent);
    if (!attribute) return std::unexpected(attribute.error());
    if (payloads.emplace(attribute->type, attribute->payload).second) continue;
    return refused(EINVAL, std::ranges::find(all, attribute->type, &Expected::type)->name, "given twice");
  }
  return payloads;
}

// As parse_nest, with all of them there.
Result<Payloads> parse_whole_nest(Bytes bytes, std::span<const Expected> all, const std::string& parent) {
  auto payloads = parse_nest(bytes, all, parent);
  if (!payloads) return payloads;
  for (const Expected& expected : all) {
    if (!payloads->contains(expected.type)) return refused(EINVAL, expected.name, "missing");
  }
  return payloads;
}

using CheckAddress = Result<void> (*)(const MacAddress&);

Result<AddressSet> decode_list(Bytes bytes, const char* name, CheckAddress check_address) {
  AddressSet addresses;
  while (!bytes.empty()) {
    const auto entry = take_expected(bytes, kAddressList, name);
    if (!entry) return std::unexpected(entry.error());
    const auto address = MacAddress::from_bytes(entry->payload);
    if (auto fit = check_address(address); !fit) return wrap(fit.error(), name);
    addresses.insert(address);
  }
  return addresses;
}

Result<AddressFilter> decode_addresses(Bytes bytes) {
  const auto parts = parse_whole_nest(bytes, kAddressHalf, "IFLA_ADDR_FILTER");
  if (!parts) return std::unexpected(parts.error());
  const auto bits = read_object<std::uint32_t>(parts->at(kAddrFilterFlags)).value_or(0);
  const auto flags = FilterFlags::from_wire(bits);
  if (!flags) return wrap(flags.error(), "IFLA_ADDR_FILTER_FLAGS");
  auto unicast = decode_list(parts->at(kAddrFilterUcList), "IFLA_ADDR_FILTER_UC_LIST", check_unicast);
  if (!unicast) return std::unexpected(unicast.error());
  auto multicast = decode_list(parts->at(kAddrFilterMcList), "IFLA_ADDR_FILTER_MC_LIST", check_multicast);
  if (!multicast) return std::unexpected(multicast.error());
  return AddressFilter{.flags = *flags, .unicast = std::move(*unicast), .multicast = std::move(*multicast)};
}

Result<VlanSet> decode_vlans(Bytes bytes) {
  const auto parts = parse_whole_nest(bytes, kVlanHalf, "IFLA_VLAN_FILTER");
  if (!parts) return std::unexpected(parts.error());
  auto vlans = VlanSet::from_bitmap(parts->at(kVlanBitmap));
  if (!vlans) return wrap(vlans.error(), "IFLA_VLAN_BITMAP");
  return vlans;
}

Result<FilterSet> decode_halves(const Payloads& halves) {
  FilterSet filter;
  if (const auto half = halves.find(kIflaAddrFilter); half != halves.end()) {
    auto addresses = decode_addresses(half->second);
    if (!addresses) return std::unexpected(addresses.error());
    filter.addresses = std::move(*addresses);
  }
  if (const auto half = halves.find(kIflaVlanFilter); half != halves.end()) {
    auto vlans = decode_vlans(half->second);
    if (!vlans) return std::unexpected(vlans.error());
    filter.vlans = *vlans;
  }
  return filter;
}

void put_list(Message& message, std::uint16_t type, const AddressSet& addresses) {
  message.put_nest(type, [&] {
    for (const MacAddress& address : addresses) message.put(kAddrListEntry, address.bytes);
  });
}

void put_addresses(Message& message, const AddressFilter& addresses) {
  message.put_nest(kIflaAddrFilter, [&] {
    message.put_u32(kAddrFilterFlags, addresses.flags.to_wire());
    put_list(message, kAddrFilterUcList, addresses.unicast);
    put_list(message, kAddrFilterMcList, addresses.multicast);
  });
}

}  // namespace

std::vector<std::uint8_t> encode(const FilterSet& filter) {
  assert(validate(filter));
  Message message(0, 0, MNL_NLMSG_HDRLEN + kMaxEncodedBytes);
  message.put_nest(kIflaRxFilter, [&] {
    if (filter.addresses) put_addresses(message, *filter.addresses);
    if (filter.vlans) message.put_nest(kIflaVlanFilter, [&] { message.put(kVlanBitmap, filter.vlans->bitmap()); });
  });
  const Bytes bytes = message.payload();
  return {bytes.begin(), bytes.end()};
}

Result<FilterSet> decode(std::span<const std::uint8_t> bytes) {
  const auto top = parse_whole_nest(bytes, kTopLevel, "IFLA_RX_FILTER");
  if (!top) return std::unexpected(top.error());
  const auto halves = parse_nest(top->at(kIflaRxFilter), kHalves, "IFLA_RX_FILTER");
  if (!halves) return std::unexpected(halves.error());
  auto filter = decode_halves(*halves);
  if (!filter) return filter;
  // Each address fits its list; what remains is about the address half as a whole.
  if (auto valid = validate(*filter); !valid) return wrap(valid.error(), "IFLA_ADDR_FILTER");
  return filter;
}

}  // namespace rxf::netlink
