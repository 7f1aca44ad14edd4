// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/mac_address.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdio>
#include <optional>

namespace rxf {
namespace {

std::optional<std::uint8_t> parse_octet(std::string_view digits) {
  if (digits.empty() || digits.size() > 2) return std::nullopt;
  std::uint8_t octet = 0;
  const auto [end, status] = std::from_chars(digits.begin(), digits.end(), octet, 16);
  if (status != std::errc{} || end != digits.end()) return std::nullopt;
  return octet;
}

std::optional<MacAddress> parse_octets(std::string_view text, char separator) {
  MacAddress address;
  for (std::size_t i = 0; i < address.bytes.size(); ++i) {
    const bool last = i + 1 == address.bytes.size();
    const std::size_t end = last ? text.size() : text.find(separator);
    if (end == std::string_view::npos) return std::nullopt;
    const auto octet = parse_octet(text.substr(0, end));
    if (!octet) return std::nullopt;
    address.bytes[i] = *octet;
    text.remove_prefix(last ? end : end + 1);
  }
  return address;
}

}  // namespace

Result<MacAddress> MacAddress::parse(std::string_view text) {
  const char separator = text.contains(':') ? ':' : '-';
  if (const auto address = parse_octets(text, separator)) return *address;
  return usage_error("\"" + std::string(text) +
                     "\" is not a MAC address: give six hexadecimal bytes, as in 02:aa:bb:cc:dd:01");
}

MacAddress MacAddress::from_bytes(std::span<const std::uint8_t> octets) {
  MacAddress address;
  assert(octets.size() == address.bytes.size());
  std::ranges::copy(octets.first<6>(), address.bytes.begin());
  return address;
}

bool MacAddress::is_broadcast() const {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0xff; });
}

bool MacAddress::is_zero() const { return *this == MacAddress{}; }

bool MacAddress::is_link_local_control() const {
  static constexpr std::array<std::uint8_t, 5> kPrefix = {0x01, 0x80, 0xc2, 0x00, 0x00};
  return std::ranges::equal(kPrefix, std::span(bytes).first<5>()) && bytes[5] <= 0x0f;
}

std::string to_string(const MacAddress& address) {
  const auto& b = address.bytes;
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  return text.data();
}

}  // namespace rxf
