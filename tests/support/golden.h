// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace rxf::test {

// A row of tests/golden/rx_filter.json; README.md beside it says what each field means.
struct GoldenRow {
  using Buffer = std::vector<std::uint8_t>;

  std::string name;
  std::string link;
  std::optional<Buffer> before;
  Buffer request;
  int error = 0;  // errno
  std::optional<std::uint32_t> offset;
  std::optional<Buffer> after;
};

void PrintTo(const GoldenRow& row, std::ostream* out);

// All of them, in the order of the file. Throws std::runtime_error where the file is missing or not as README.md says.
const std::vector<GoldenRow>& golden_rows();

}  // namespace rxf::test
