// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "loader/model/result.h"

namespace rxf::cli {

// The whole of a file of at most 1 MiB; "-" is standard input. `what` is said where it is larger: "a filter file".
Result<std::string> read_text_file(const std::string& path, const std::string& what);

// What errors call it: the path, or "standard input".
[[nodiscard]] std::string file_name(const std::string& path);

}  // namespace rxf::cli
