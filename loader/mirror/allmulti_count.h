// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/mirror/lowerdev.h"

namespace rxf::mirror {

// Adds a problem to `status`, which tells the uppers, where the lower device's allmulti count is higher than everything
// that can be seen to hold it: the early drop stands down for multicast then, maybe for nobody. macvlan leaves a count
// behind when a PASSTHRU upper is deleted that has IFF_ALLMULTI.
void find_unexplained_allmulti(const Lowerdev& device, LowerdevStatus& status);

}  // namespace rxf::mirror
