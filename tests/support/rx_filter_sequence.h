// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "tools/guest/guest_request.h"

namespace rxf::test {

// One answer of QEMU, and what it asks for. README.md in tests/golden says what each field means.
struct RxFilterStep {
  std::string step;
  std::vector<std::string> events;  // since the step before
  nlohmann::json answer;
  std::optional<guest::GuestRequest> request;  // absent: not looked at yet
};

// A row of tests/golden/rx_filter_query.json or rx_filter_recorded.json, from the connection on.
struct RxFilterSequence {
  std::string name;
  guest::NicAbility ability;
  std::vector<RxFilterStep> steps;
};

void PrintTo(const RxFilterSequence& sequence, std::ostream* out);

// All of both files, in their order. Throws std::exception where one is missing or not as README.md says.
const std::vector<RxFilterSequence>& rx_filter_sequences();

// The request as the files have it.
[[nodiscard]] std::string to_text(const guest::GuestRequest& request);

}  // namespace rxf::test
