// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/mirror/lowerdev.h"

// The filter sets that the kernel keeps itself: on a kernel with IFLA_RX_FILTER those of PASSTHRU uppers
// (kernel/README.md). It programs the lower device's filters from them; guards and early drop are made from them as
// from any other. Nothing of them is in the `filters` map.
namespace rxf::mirror {

[[nodiscard]] bool kept_by_kernel(const netlink::Link& upper);

// Unfiltered where the kernel does not keep it.
Result<FilterSet> kernel_filter(Host& host, const netlink::Link& upper);

// In force, as far as the kernel goes, when it returns. The error has the kernel's code and words.
Result<void> set_kernel_filter(Host& host, const netlink::Link& upper, const FilterSet& filter);

// Puts the kernel's sets of the device's uppers into `records`, over whatever is there.
Result<void> read_kernel_filters(Lowerdev& device, Records& records);

}  // namespace rxf::mirror
