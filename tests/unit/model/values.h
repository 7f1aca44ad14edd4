// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "loader/model/filter_set.h"
#include "loader/model/frame.h"

// Short spellings of model values. Text that does not parse throws, which fails the test.
namespace rxf::test {

inline MacAddress mac(std::string_view text) { return MacAddress::parse(text).value(); }

inline VlanSet vlans(std::string_view text) { return VlanSet::parse(text).value(); }

inline AddressSet macs(std::initializer_list<std::string_view> texts) {
  AddressSet set;
  for (const auto text : texts) set.insert(mac(text));
  return set;
}

// `count` addresses that begin with these four bytes.
inline AddressSet many_macs(std::string_view first_four_bytes, unsigned count) {
  const MacAddress prefix = mac(std::string(first_four_bytes) + ":00:00");
  AddressSet set;
  for (unsigned i = 0; i < count; ++i) {
    MacAddress address = prefix;
    address.bytes[4] = static_cast<std::uint8_t>(i >> 8);
    address.bytes[5] = static_cast<std::uint8_t>(i);
    set.insert(address);
  }
  return set;
}

inline Frame frame_to(const MacAddress& destination, std::uint16_t vid = 0) {
  if (vid == 0) return {.destination = destination, .tag = std::nullopt};
  return {.destination = destination, .tag = VlanTag{.tpid = kTpidCustomer, .tci = vid}};
}

// Names a parameterised test after its row.
inline constexpr auto kRowName = [](const auto& info) { return std::string(info.param.name); };

}  // namespace rxf::test
