// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "loader/datapath/rule_maps.h"
#include "loader/model/plan.h"

namespace rxf::datapath {

// One guard's part of the desired rules.
struct GuardRules {
  std::uint32_t index = 0;    // rxf_mode.active[]
  std::uint32_t ifindex = 0;  // the upper
  Rules rules;
};

struct DesiredRules {
  Rules wanted;
  HostRules host;
  std::uint64_t sole = 0;                       // rxf_mode.sole
  std::vector<GuardRules> guards;               // every other index goes to RXF_NO_SLOT
  std::map<MacAddress, rxf_steering> steering;  // further unicast addresses of uppers
};

// Brings the maps from whatever they hold to `desired`, with no moment at which a frame that the old and the new rules
// accept is dropped, or one that neither accepts is admitted by a guard: the early drop grows, each guard is switched
// to a slot built beforehand by one store, `wait` lets a grace period pass, then the early drop shrinks and old slots
// are emptied. Leftovers of an interrupted run are emptied the same way. Nothing differs: nothing is written and `wait`
// is not called. After an error the maps may hold leftovers, and each guard the old rules or the new.
Result<void> write_rules(RuleMaps& maps, const DesiredRules& desired, const std::function<Result<void>()>& wait);

}  // namespace rxf::datapath
