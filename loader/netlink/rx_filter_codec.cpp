// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/rx_filter_codec.h"

#include <linux/if_ether.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <optional>
#include <string>

namespace rxf::netlink {
namespace {

constexpr std::ptrdiff_t kHeaderSize = sizeof(nlattr);

// An error, and the payload of the attribute at fault.
struct Fault {
  Error error;
  Bytes payload;
};

template <class T>
using Checked = std::expected<T, Fault>;

std::unexpected<Fault> fault(Bytes payload, int code, const std::string& attribute, const std::string& why) {
  return std::unexpected(Fault{Error{.text = attribute + ": " + why, .code = code, .exit = Exit::usage}, payload});
}

std::unexpected<Fault> fault(Bytes payload, const std::string& attribute, const Error& error) {
  return fault(payload, error.code, attribute, error.text);
}

Result<FilterFlags> flags_in(Bytes payload) {
  return FilterFlags::from_wire(read_object<std::uint32_t>(payload).value_or(0));
}

Result<void> check_flags(Bytes payload) {
  const auto flags = flags_in(payload);
  if (!flags) return std::unexpected(flags.error());
  return {};
}

// What is expected in a nest: the counterpart of the kernel's struct nla_policy.
struct Expected {
  std::uint16_t type = 0;
  const char* name = "";
  bool nested = false;
  std::span<const Expected> inside = {};  // where nested, as all that follows is where not
  std::size_t size = 0;
  int wrong_size = ERANGE;
  Result<void> (*check)(Bytes) = nullptr;
};

constexpr std::array kAddressList = {
    Expected{.type = kAddrListEntry, .name = "IFLA_ADDR_LIST_ENTRY", .size = ETH_ALEN},
};
constexpr std::array kAddressHalf = {
    // A u32 has no range of lengths: the one wrong length that the kernel does not call ERANGE.
    Expected{.type = kAddrFilterFlags,
             .name = "IFLA_ADDR_FILTER_FLAGS",
             .size = sizeof(std::uint32_t),
             .wrong_size = EINVAL,
             .check = check_flags},
    Expected{.type = kAddrFilterUcList, .name = "IFLA_ADDR_FILTER_UC_LIST", .nested = true, .inside = kAddressList},
    Expected{.type = kAddrFilterMcList, .name = "IFLA_ADDR_FILTER_MC_LIST", .nested = true, .inside = kAddressList},
};
constexpr std::array kVlanHalf = {
    Expected{.type = kVlanBitmap, .name = "IFLA_VLAN_BITMAP", .size = VlanSet::kBitmapBytes},
};
constexpr std::array kHalves = {
    Expected{.type = kIflaAddrFilter, .name = "IFLA_ADDR_FILTER", .nested = true, .inside = kAddressHalf},
    Expected{.type = kIflaVlanFilter, .name = "IFLA_VLAN_FILTER", .nested = true, .inside = kVlanHalf},
};
constexpr Expected kRxFilter{.type = kIflaRxFilter, .name = "IFLA_RX_FILTER", .nested = true, .inside = kHalves};

Checked<void> check_nest(Bytes payload, const Expected& nest);

Checked<void> check_attribute(const Attribute& attribute, const Expected& expected) {
  const Bytes payload = attribute.payload;
  const bool nested = (attribute.flags & NLA_F_NESTED) != 0;
  if (nested != expected.nested)
    return fault(payload, EINVAL, expected.name, nested ? "NLA_F_NESTED is not expected" : "NLA_F_NESTED is missing");
  if (nested) return check_nest(payload, expected);
  if (payload.size() != expected.size)
    return fault(payload, expected.wrong_size, expected.name,
                 std::to_string(payload.size()) + " bytes instead of " + std::to_string(expected.size));
  if (!expected.check) return {};
  if (const auto valid = expected.check(payload); !valid) return fault(payload, expected.name, valid.error());
  return {};
}

Checked<void> check_nest(Bytes payload, const Expected& nest) {
  Bytes rest = payload;
  while (const auto attribute = take_attribute(rest)) {
    const auto expected = std::ranges::find(nest.inside, attribute->type, &Expected::type);
    if (expected == nest.inside.end())
      return fault(attribute->payload, EINVAL, nest.name, "unknown attribute " + std::to_string(attribute->type));
    if (auto checked = check_attribute(*attribute, *expected); !checked) return checked;
  }
  if (rest.empty()) return {};
  const bool no_header = payload.size() < sizeof(nlattr);
  return fault(payload, no_header ? ERANGE : EINVAL, nest.name, "an attribute in it is cut short");
}

// The last of that type in a nest whose form was checked: the kernel keeps a table by type.
std::optional<Attribute> last(Bytes nest, std::uint16_t type) {
  std::optional<Attribute> found;
  while (const auto attribute = take_attribute(nest))
    if (attribute->type == type) found = attribute;
  return found;
}

using CheckAddress = Result<void> (*)(const MacAddress&);

Checked<std::optional<AddressSet>> read_list(Bytes half, const Expected& expected, CheckAddress check_address) {
  const auto list = last(half, expected.type);
  if (!list) return std::nullopt;
  AddressSet addresses;
  Bytes rest = list->payload;
  while (const auto entry = take_attribute(rest)) {
    const auto address = MacAddress::from_bytes(entry->payload);
    if (const auto fit = check_address(address); !fit) return fault(entry->payload, expected.name, fit.error());
    addresses.insert(address);
  }
  return addresses;
}

Checked<FilterChange::Addresses> read_addresses(Bytes half) {
  const auto& [flags, unicast, multicast] = kAddressHalf;
  FilterChange::Addresses change;
  if (const auto given = last(half, flags.type)) change.flags = flags_in(given->payload).value_or(FilterFlags{});
  auto unicast_list = read_list(half, unicast, check_unicast);
  if (!unicast_list) return std::unexpected(unicast_list.error());
  auto multicast_list = read_list(half, multicast, check_multicast);
  if (!multicast_list) return std::unexpected(multicast_list.error());
  change.unicast = std::move(*unicast_list);
  change.multicast = std::move(*multicast_list);
  return change;
}

Checked<FilterChange::Vlans> read_vlans(Bytes half) {
  const auto bitmap = last(half, kVlanBitmap);
  if (!bitmap) return FilterChange::Vlans{};
  const auto vlans = VlanSet::from_bitmap(bitmap->payload);
  if (!vlans) return fault(bitmap->payload, kVlanHalf[0].name, vlans.error());
  return FilterChange::Vlans{.only = *vlans};
}

// Of a payload whose form was checked.
Checked<FilterChange> read_values(Bytes payload) {
  FilterChange change;
  if (const auto half = last(payload, kIflaAddrFilter)) {
    auto addresses = read_addresses(half->payload);
    if (!addresses) return std::unexpected(addresses.error());
    change.addresses = std::move(*addresses);
  }
  if (const auto half = last(payload, kIflaVlanFilter)) {
    const auto vlans = read_vlans(half->payload);
    if (!vlans) return std::unexpected(vlans.error());
    change.vlans = *vlans;
  }
  return change;
}

void put_list(Message& message, std::uint16_t type, const AddressSet& addresses) {
  message.put_nest(type, [&] {
    for (const MacAddress& address : addresses) message.put(kAddrListEntry, address.bytes);
  });
}

void put_addresses(Message& message, const FilterChange::Addresses& change) {
  message.put_nest(kIflaAddrFilter, [&] {
    if (change.flags) message.put_u32(kAddrFilterFlags, change.flags->to_wire());
    if (change.unicast) put_list(message, kAddrFilterUcList, *change.unicast);
    if (change.multicast) put_list(message, kAddrFilterMcList, *change.multicast);
  });
}

void put_vlans(Message& message, const FilterChange::Vlans& change) {
  message.put_nest(kIflaVlanFilter, [&] {
    if (change.only) message.put(kVlanBitmap, change.only->bitmap());
  });
}

Result<FilterChange> whole_attribute(Bytes bytes) {
  const auto wrong = [](const std::string& why) -> Result<FilterChange> {
    return std::unexpected(Error{.text = "IFLA_RX_FILTER: " + why, .code = EINVAL, .exit = Exit::usage});
  };
  const auto attribute = take_attribute(bytes);
  if (!attribute) return wrong("missing or cut short");
  if (attribute->type != kIflaRxFilter) return wrong("attribute " + std::to_string(attribute->type) + " instead");
  if (!bytes.empty()) return wrong("more follows");
  auto change = decode_change(*attribute);
  if (!change) return std::unexpected(change.error().error);
  return std::move(*change);
}

bool states_all(const FilterChange& change) {
  const auto& [addresses, vlans] = change;
  return (!addresses || (addresses->flags && addresses->unicast && addresses->multicast)) && (!vlans || vlans->only);
}

}  // namespace

void put_rx_filter(Message& message, std::uint16_t attribute, const FilterChange& change) {
  message.put_nest(attribute, [&] {
    if (change.addresses) put_addresses(message, *change.addresses);
    if (change.vlans) put_vlans(message, *change.vlans);
  });
}

std::expected<FilterChange, AttributeError> decode_change(const Attribute& attribute) {
  const auto blame = [&](const Fault& fault, bool of_value) {
    const std::ptrdiff_t at = fault.payload.data() - attribute.payload.data() - kHeaderSize;
    return std::unexpected(AttributeError{.error = fault.error, .offset = at, .of_value = of_value});
  };
  if (const auto form = check_attribute(attribute, kRxFilter); !form) return blame(form.error(), false);
  auto change = read_values(attribute.payload);
  if (!change) return blame(change.error(), true);
  return std::move(*change);
}

std::expected<FilterChange, AttributeError> decode_change(Bytes payload) {
  return decode_change(Attribute{.type = kIflaRxFilter, .flags = NLA_F_NESTED, .payload = payload});
}

std::vector<std::uint8_t> encode(const FilterSet& filter) {
  assert(validate(filter));
  Message message(0, 0, kMaxRxFilterMessage);
  put_rx_filter(message, kIflaRxFilter, stating(filter));
  const Bytes bytes = message.payload();
  return {bytes.begin(), bytes.end()};
}

Result<FilterSet> decode(std::span<const std::uint8_t> bytes) {
  const auto change = whole_attribute(bytes);
  if (!change) return std::unexpected(change.error());
  if (!states_all(*change))
    return std::unexpected(
        Error{.text = "IFLA_RX_FILTER: a part of a filter set is missing", .code = EINVAL, .exit = Exit::usage});
  auto filter = merged({}, *change);
  if (!filter) return wrap(filter.error(), "IFLA_RX_FILTER");
  return filter;
}

}  // namespace rxf::netlink
