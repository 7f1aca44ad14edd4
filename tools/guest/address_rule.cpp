// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/address_rule.h"

#include <algorithm>
#include <span>

#include "loader/cli/text.h"

namespace rxf::guest {

namespace {

constexpr unsigned kOuiBits = 24;
constexpr std::size_t kOuiText = 8;  // "52:54:00"

}  // namespace

bool AddressPattern::matches(const MacAddress& other) const {
  const std::size_t count = bits / 8;
  return std::ranges::equal(std::span(address.bytes).first(count), std::span(other.bytes).first(count));
}

Result<AddressPattern> AddressPattern::parse(std::string_view text) {
  if (const auto address = MacAddress::parse(text)) return AddressPattern{*address};
  // Its other half is filled in, so that the parser for addresses judges it.
  const std::string whole = std::string(text) + (text.contains('-') ? "-00-00-00" : ":00:00:00");
  if (const auto address = MacAddress::parse(whole)) return AddressPattern{*address, kOuiBits};
  return usage_error(cli::quote(text) +
                     " is neither a MAC address nor an OUI: give six or three hexadecimal bytes, as in "
                     "02:aa:bb:cc:dd:01 or 52:54:00");
}

std::string to_string(const AddressPattern& pattern) {
  const std::string text = to_string(pattern.address);
  return pattern.bits == kOuiBits ? text.substr(0, kOuiText) : text;
}

bool AddressRule::allows(const MacAddress& address) const {
  return any || std::ranges::any_of(allowed, [&](const AddressPattern& one) { return one.matches(address); });
}

}  // namespace rxf::guest
