// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/mirror/lowerdev.h"

namespace rxf::mirror {

enum class Repair {
  nothing,     // nothing is damaged, or nothing of it is in force
  identity,    // `meta` alone: the filter sets and what enforces them are whole
  everything,  // what is in force is to be taken down: it may use maps that are not pinned any more
};

// Has the pins under a device's name opened again where programs are in force by them, and some of the maps are missing
// or are not what they should be: those are replaced by empty ones, what is attached is found by `slots`, and `meta`
// says that they are this device's. A note says so.
Result<Repair> repair_pins(const Context& context, const Host& host, const netlink::Link& link,
                           std::vector<std::string>& notes);

}  // namespace rxf::mirror
