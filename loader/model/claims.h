// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/model/snapshot.h"

namespace rxf {

// Whether the upper with that ifindex may have `wanted` as its filter set: a further unicast address of an upper
// outside PASSTHRU is handed to it alone, on every VLAN of its set and untagged, so nobody else may have it. Error
// EADDRINUSE with the address and whose it is: the lower device's own, a sibling's own, one in a sibling's set, or one
// on the lower device's unicast list for somebody else.
Result<void> check_claims(const Snapshot& snapshot, std::uint32_t ifindex, const FilterSet& wanted);

}  // namespace rxf
