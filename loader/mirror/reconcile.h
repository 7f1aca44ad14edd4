// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/mirror/lowerdev.h"

namespace rxf::mirror {

// Brings everything but the early drop's hook to what `filters` and the links say: the one way to a new state, and the
// way back from an interrupted one. Across the layers: widen the kernel's lists, widen the early drop, switch the
// guards, grace period, narrow the early drop, narrow the kernel's lists. `refresh` replaces guards of another version.
// Returns whether any guard program was attached or replaced.
Result<bool> reconcile(Lowerdev& device, bool refresh, std::vector<std::string>& notes);

}  // namespace rxf::mirror
