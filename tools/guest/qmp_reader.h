// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "loader/model/result.h"

namespace rxf::guest {

// Bytes of a QMP connection to JSON objects, one a line (docs/interop/qmp-spec.rst of QEMU; a monitor with pretty=on
// is not understood).
class QmpReader {
 public:
  static constexpr std::size_t kMaxMessage = 1 << 20;  // bytes; a NIC's answer has 24,000 at most, and 8 NICs 190,000
  static constexpr int kMaxDepth = 16;                 // of objects and lists in each other

  // An error where a line is longer than kMaxMessage: nothing more can be made of this connection, except what next()
  // still has.
  Result<void> feed(std::string_view bytes);

  // The next whole message; empty lines are passed over. An error is a line that is no JSON object, no UTF-8, or too
  // deep; the next one may be well.
  std::optional<Result<nlohmann::json>> next();

 private:
  std::optional<std::string_view> next_line();

  std::string pending_;
  std::size_t taken_ = 0;       // bytes of `pending_` that next() has been through
  std::size_t searched_ = 0;    // no end of a line from `taken_` up to here
  std::size_t unfinished_ = 0;  // bytes after the last end of a line
};

}  // namespace rxf::guest
