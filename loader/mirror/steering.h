// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/datapath/tc_filter.h"
#include "loader/mirror/lowerdev.h"
#include "loader/model/plan.h"

namespace rxf::mirror {

// The programs that hand frames to further unicast addresses of an upper outside PASSTHRU: on the lower device's clsact
// ingress, and on its egress for an upper in bridge mode. They are there only while the plan has such addresses.

// Attaches what the plan needs; with `refresh` also in the place of another version. Returns whether anything was
// attached. Where there is no egress hook (an `ingress` qdisc of somebody else) a note says what is missing.
Result<bool> ensure_steering(Lowerdev& device, const LowerdevPlan& plan, bool refresh, std::vector<std::string>& notes);

// Where the plan needs it and it is not: the hooks.
Result<std::vector<datapath::TcHook>> missing_steering(Lowerdev& device, const LowerdevPlan& plan);

// Detaches what the plan does not need.
Result<void> remove_surplus_steering(Lowerdev& device, const LowerdevPlan& plan);

}  // namespace rxf::mirror
