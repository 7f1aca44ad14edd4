// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/mirror/lowerdev.h"

namespace rxf::mirror {

// As open_lowerdev() for writing, but what an earlier version attached is brought to this one's layout and programs
// first, without a frame lost or leaked: filter sets, rules and counters stay. Interrupted anywhere, the next call
// takes it up again. A note says so.
Result<Lowerdev> open_upgraded(const Context& context, Host host, const netlink::Link& link,
                               std::vector<std::string>& notes);

}  // namespace rxf::mirror
