// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/mirror/lowerdev.h"

namespace rxf::mirror {

// Brings everything but the early drop's hook to what `filters` and the links say: the one way to a new state, and the
// way back from an interrupted one. Across the layers: widen the kernel's lists, widen the early drop, switch the
// guards, grace period, narrow the early drop, narrow the kernel's lists.
struct Goal {
  bool refresh = false;  // guards of another version are replaced
  bool nothing = false;  // as if no upper had a filter set, also where the kernel keeps one
};

struct Reconciled {
  bool changed = false;        // a guard program was attached or replaced
  std::vector<Departed> gone;  // filtered uppers that were deleted or moved away
};

Result<Reconciled> reconcile(Lowerdev& device, Goal goal, std::vector<std::string>& notes);

}  // namespace rxf::mirror
