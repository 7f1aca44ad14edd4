// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <vector>

#include "tests/support/api_channel.h"
#include "tests/support/golden.h"

namespace rxf::test {

// Who answers the netlink API, and by what number IFLA_RX_FILTER goes there.
struct ApiUnderTest {
  std::function<std::unique_ptr<ApiChannel>()> open;  // a connection of its own
  std::uint16_t attribute = 0;
};

// The links are those of Topology(Uppers::passthru) in the calling thread's network namespace: a macvlan or macvtap
// `upper` in passthru mode and a veth `far`. `upper` also has this alternative name, too long for a device's own.
inline constexpr const char* kAlternativeName = "upper-by-another-and-longer-name";

// One row of the golden vectors, with expectations of GoogleTest: that a set is answered as the row says, with a
// sentence and the place of the attribute where it is refused; what a get and a dump say then, with and without the bit
// of IFLA_EXT_MASK; that it was announced once where it was done, and not where it was refused.
void expect_golden_row(const ApiUnderTest& api, const GoldenRow& row);

// What is not about the attribute: how a link is named, what else a message can be, answers, several at once.
struct ApiCase {
  const char* name;
  void (*expect)(const ApiUnderTest& api);
};

void PrintTo(const ApiCase& row, std::ostream* out);

const std::vector<ApiCase>& api_cases();

}  // namespace rxf::test
