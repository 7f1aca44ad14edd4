// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "loader/model/filter_set.h"

namespace rxf::guest {

// One address, or all of one vendor: the first `bits` / 8 bytes count, 24 or 48 bits.
struct AddressPattern {
  MacAddress address;  // the bytes that do not count are zero
  unsigned bits = 48;

  bool operator==(const AddressPattern&) const = default;
  [[nodiscard]] bool matches(const MacAddress& other) const;
  // "52:54:00:aa:bb:cc" or "52:54:00" (an OUI). Anything else: usage error that quotes the text.
  static Result<AddressPattern> parse(std::string_view text);
};
[[nodiscard]] std::string to_string(const AddressPattern& pattern);

// Which addresses of one list a guest may have: those that match, or any, up to a number.
struct AddressRule {
  bool any = false;
  std::vector<AddressPattern> allowed;
  std::size_t limit = FilterSet::kMaxAddresses;

  bool operator==(const AddressRule&) const = default;
  [[nodiscard]] bool allows(const MacAddress& address) const;  // whatever the number
  [[nodiscard]] bool allows_every() const { return any && limit >= FilterSet::kMaxAddresses; }
};

}  // namespace rxf::guest
