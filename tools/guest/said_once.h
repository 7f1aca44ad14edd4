// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <set>
#include <string>

namespace rxf::guest {

// What was said already: whoever can have us say something can do so a thousand times a second, in other words each
// time.
class SaidOnce {
 public:
  static constexpr std::size_t kMost = 32;

  // Whether this is to be said now: it never was, and not too much else.
  bool is_new(const std::string& text) { return said_.size() < kMost && said_.insert(text).second; }
  [[nodiscard]] bool full() const { return said_.size() >= kMost; }

 private:
  std::set<std::string> said_;
};

}  // namespace rxf::guest
