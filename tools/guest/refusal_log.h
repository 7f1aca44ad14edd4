// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tools/guest/policy.h"

namespace rxf::guest {

// What one guest was refused: each thing is logged once, and counted whenever it is asked for anew. A guest can think
// of new things for ever, so what is remembered is bounded.
class RefusalLog {
 public:
  static constexpr std::size_t kMost = 256;  // different things that are logged

  // `refusals` of one judgement. Raises `counts` for those that the judgement before did not have, and returns the
  // lines to log now, without the name of the upper.
  std::vector<std::string> note(const std::vector<Refusal>& refusals, std::map<RefusalKind, std::uint64_t>& counts);

 private:
  using Thing = std::pair<RefusalKind, std::string>;

  std::string line_for(const Refusal& refusal);

  std::set<Thing> standing_;  // refused by the last judgement
  std::set<Thing> logged_;
  bool full_ = false;  // which was said
};

// "unicast 02:aa:bb:cc:dd:01 refused: not in the list of the policy"
[[nodiscard]] std::string to_string(const Refusal& refusal);

}  // namespace rxf::guest
