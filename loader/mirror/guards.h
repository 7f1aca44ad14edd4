// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/mirror/tc_attachment.h"

namespace rxf::mirror {

// The guard programs on the uppers' clsact ingress. The `uppers` map has an entry before the program is attached and
// until after it is detached, so an interrupted command leaves none unknown.

// The guard of an upper with that entry; both outlive the result.
TcAttachment guard_of(Lowerdev& device, const netlink::Link& upper, rxf_upper& entry);

// Whether the guard that is noted is there.
Result<bool> guard_is_attached(const Lowerdev& device, std::uint32_t ifindex, const rxf_upper& entry);

// Attaches a guard to an upper that lacks one, judging by nothing yet (RXF_NO_SLOT). With `refresh` a guard that runs
// other instructions than this binary carries is replaced in place. Returns the upper's index, and in `changed` whether
// anything was attached; a note says so where somebody had removed it.
Result<std::uint32_t> ensure_guard(Lowerdev& device, const netlink::Link& upper, bool refresh, bool& changed,
                                   std::vector<std::string>& notes);

// Detaches the guard of an upper, which may be gone itself. A grace period has passed since it judged by a slot.
Result<void> remove_guard(Lowerdev& device, std::uint32_t ifindex, rxf_upper entry);

}  // namespace rxf::mirror
