// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace rxf::cli {

namespace {

constexpr std::size_t kQuotedLength = 40;
constexpr std::size_t kAlternativeNameLength = 127;  // ALTIFNAMSIZ of <linux/if.h>, less the NUL

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> items;
  for (;;) {
    const std::size_t comma = list.find(',');
    items.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return items;
    list.remove_prefix(comma + 1);
  }
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += separator;
    text += item;
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string line(text);
  std::replace_if(line.begin(), line.end(), is_control, '?');
  return line;
}

std::string shortened(std::string_view text, std::size_t limit) {
  return printable(text.substr(0, limit)) + (text.size() > limit ? "..." : "");
}

std::string quote(std::string_view text) { return '"' + shortened(text, kQuotedLength) + '"'; }

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  static constexpr std::array<const char*, 6> kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // 999.95 would print as "1000.0".
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
  return text.data();
}

Result<void> check_device_name(const std::string& name) {
  const auto forbidden = [](char c) { return is_control(c) || c == ' ' || c == '/'; };
  if (name.empty() || name == "." || name == ".." || name.size() > kAlternativeNameLength ||
      std::any_of(name.begin(), name.end(), forbidden))
    return usage_error(quote(name) + " is not a device name");
  return {};
}

}  // namespace rxf::cli
