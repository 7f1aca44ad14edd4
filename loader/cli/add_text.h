// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace rxf::cli {

// An option or positional whose text may be empty; CLI11 would take that for none where it writes to the optional
// itself.
inline CLI::Option* add_text(CLI::App& app, const std::string& name, std::optional<std::string>& text,
                             const std::string& description) {
  return app.add_option_function<std::string>(
      name, [&text](const std::string& value) { text = value; }, description);
}

}  // namespace rxf::cli
