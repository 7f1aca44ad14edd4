// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "loader/model/result.h"

namespace rxf {

// An EUI-48 in wire order (IEEE 802-2014, 8.2).
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  auto operator<=>(const MacAddress&) const = default;

  // Six hexadecimal bytes with ':' (or all with '-') between them, one or two digits each, either case.
  // Anything else: usage error that quotes the text.
  static Result<MacAddress> parse(std::string_view text);

  // `octets` has exactly six bytes.
  static MacAddress from_bytes(std::span<const std::uint8_t> octets);

  // The I/G bit: multicast, broadcast included.
  [[nodiscard]] bool is_group() const { return (bytes[0] & 1) != 0; }
  [[nodiscard]] bool is_broadcast() const;
  [[nodiscard]] bool is_zero() const;

  // 01:80:c2:00:00:00 to 0f, which bridges do not forward (IEEE 802.1Q-2018, table 8-1).
  [[nodiscard]] bool is_link_local_control() const;
};

// "02:aa:bb:cc:dd:01"
[[nodiscard]] std::string to_string(const MacAddress& address);

}  // namespace rxf
