// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/mirror/lowerdev.h"
#include "loader/model/plan.h"

namespace rxf::mirror {

// What the filter sets promise and the host does not keep now, as sentences for `status` with the next step: claims
// with another owner, entries and flags that somebody took off the kernel's lists, steering that is not there, guards
// that judge by nothing, VLANs that a VLAN device takes first. Read-only.
Result<std::vector<std::string>> broken_promises(Lowerdev& device, const Snapshot& snapshot, const LowerdevPlan& plan);

// VLANs of the filter set that never reach the upper, since a VLAN device on the lower device takes its frames before a
// macvlan sees them; one sentence each.
std::vector<std::string> vlans_taken_first(const Lowerdev& device, const std::string& upper, const FilterSet& filter);

}  // namespace rxf::mirror
