// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/mirror/lowerdev.h"

namespace rxf::mirror {

// How an upper gets all multicast (docs/semantics.md, "The kernel's lists on a stock kernel"): macvlan delivers what
// was not joined to an upper with IFF_ALLMULTI or IFF_PROMISC alone. On a PASSTHRU upper it is IFF_PROMISC, which
// macvlan tells nobody of: the count on the lower device that IFF_ALLMULTI takes there is given back by nobody when the
// upper goes. Either may be switched while the upper is down. A NOPROMISC upper needs IFF_ALLMULTI of the lower device
// too.

// Switches on what is off. It is recorded beforehand.
Result<void> widen_all_multicast(Lowerdev& device, const netlink::Link& upper, FilterRecord& record);

// Switches off what is owned and not needed for `wanted`, and clears it in the record, which the caller writes. A note
// tells of a flag of an earlier version that cannot be taken back without harm.
Result<void> narrow_all_multicast(Lowerdev& device, const netlink::Link& upper, FilterRecord& record, bool wanted,
                                  std::vector<std::string>& notes);

// The lower device's part of that, for an upper that is gone.
Result<void> release_all_multicast_below(Lowerdev& device, std::uint32_t ifindex, FilterRecord& record);

}  // namespace rxf::mirror
