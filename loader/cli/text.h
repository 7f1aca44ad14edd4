// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loader/model/result.h"

namespace rxf::cli {

// The items between commas, empty ones too: "a,,b" has three, "" has one.
[[nodiscard]] std::vector<std::string_view> split(std::string_view list);

[[nodiscard]] std::string join(const std::vector<std::string>& items, std::string_view separator);

// Control characters replaced by '?': one line stays one line, and no escape sequence reaches the terminal.
[[nodiscard]] std::string printable(std::string_view text);

// Printable, and cut where it is longer than `limit` bytes.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t limit);

// "text" in quotes, shortened to 40 bytes.
[[nodiscard]] std::string quote(std::string_view text);

// "720 B", "1.5 kB", "2.0 GB": powers of 1000.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

// Usage error for what no network device can be called. It also keeps names harmless as parts of a path.
Result<void> check_device_name(const std::string& name);

}  // namespace rxf::cli
