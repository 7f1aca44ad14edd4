// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/golden.h"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace rxf::test {
namespace {

using Json = nlohmann::json;
using Buffer = GoldenRow::Buffer;

Buffer bytes_of(const std::string& hex) {
  Buffer bytes;
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    const char* const digits = hex.data() + at;
    const auto parsed = std::from_chars(digits, digits + 2, bytes.emplace_back(), 16);
    if (hex.size() % 2 != 0 || parsed.ptr != digits + 2) throw std::runtime_error("not hexadecimal: " + hex);
  }
  return bytes;
}

std::optional<Buffer> maybe_bytes_of(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return bytes_of(value.get<std::string>());
}

int errno_of(const Json& value) {
  static const std::map<std::string, int> codes = {{"EADDRNOTAVAIL", EADDRNOTAVAIL},
                                                   {"EINVAL", EINVAL},
                                                   {"EOPNOTSUPP", EOPNOTSUPP},
                                                   {"ERANGE", ERANGE},
                                                   {"E2BIG", E2BIG}};
  return value.is_null() ? 0 : codes.at(value.get<std::string>());
}

GoldenRow row_of(const Json& value) {
  GoldenRow row{.name = value.at("name").get<std::string>(),
                .link = value.at("link").get<std::string>(),
                .before = maybe_bytes_of(value.at("before")),
                .request = bytes_of(value.at("request").get<std::string>()),
                .error = errno_of(value.at("error")),
                .after = maybe_bytes_of(value.at("after"))};
  if (const Json& offset = value.at("offset"); !offset.is_null()) row.offset = offset.get<std::uint32_t>();
  return row;
}

std::vector<GoldenRow> read_rows() {
  std::vector<GoldenRow> rows;
  for (const Json& value : Json::parse(std::ifstream(RXF_GOLDEN_ROWS))) rows.push_back(row_of(value));
  return rows;
}

}  // namespace

void PrintTo(const GoldenRow& row, std::ostream* out) { *out << row.name; }

const std::vector<GoldenRow>& golden_rows() {
  static const std::vector<GoldenRow> rows = read_rows();
  return rows;
}

}  // namespace rxf::test
