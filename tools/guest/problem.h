// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <utility>

namespace rxf::guest {

// Something that is wrong for a while, and is said once meanwhile.
class Problem {
 public:
  // Whether it is new; `why` is the last word about it in any case.
  bool begins(std::string why) {
    why_ = std::move(why);
    return !std::exchange(there_, true);
  }
  // Whether it was there.
  bool ends() {
    why_.clear();
    return std::exchange(there_, false);
  }

  [[nodiscard]] explicit operator bool() const { return there_; }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  bool there_ = false;
  std::string why_;
};

}  // namespace rxf::guest
