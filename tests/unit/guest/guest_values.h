// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <initializer_list>
#include <string_view>

#include "tests/unit/model/values.h"
#include "tools/guest/policy.h"

// Short spellings of the values of tools/guest. Text that does not parse throws, which fails the test.
namespace rxf::guest::test {

using rxf::test::mac;
using rxf::test::macs;
using rxf::test::many_macs;
using rxf::test::vlans;

// "Follow" or "any", and a list, each with a limit.
inline AddressRule any_address(std::size_t limit = FilterSet::kMaxAddresses) { return {.any = true, .limit = limit}; }

inline AddressRule only(std::initializer_list<std::string_view> patterns,
                        std::size_t limit = FilterSet::kMaxAddresses) {
  AddressRule rule{.limit = limit};
  for (const auto text : patterns) rule.allowed.push_back(AddressPattern::parse(text).value());
  return rule;
}

}  // namespace rxf::guest::test
