// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/mirror/lowerdev.h"
#include "loader/model/plan.h"
#include "loader/netlink/address_lists.h"

namespace rxf::mirror {

// The kernel's own lists of one upper, on a stock kernel (docs/semantics.md, "Kernel lists"): fdb entries, multicast
// references and flags. What others put there is left alone; what is added is recorded as owned beforehand.

// What the kernel has, as far as it was looked at: once for all uppers.
struct ListsSeen {
  std::optional<netlink::MulticastReferences> multicast;
  std::optional<AddressSet> below;
};

// Adds what `wanted` has and the kernel lacks. After an error the record tells what may have been added.
Result<void> widen_kernel_lists(Lowerdev& device, const netlink::Link& upper, FilterRecord& record,
                                const KernelLists& wanted, ListsSeen& seen);

// Takes back what is owned and not wanted; of the lower device's list, what no upper wants. Anything already gone is
// done.
Result<void> narrow_kernel_lists(Lowerdev& device, const netlink::Link& upper, FilterRecord& record,
                                 const KernelLists& wanted, const AddressSet& wanted_below,
                                 std::vector<std::string>& notes);

// The lower device's part of that, for an upper that is gone. The record goes.
Result<void> forget_kernel_lists(Lowerdev& device, std::uint32_t ifindex, FilterRecord& record,
                                 const AddressSet& wanted_below);

}  // namespace rxf::mirror
