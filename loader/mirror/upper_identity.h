// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <map>
#include <string>
#include <vector>

#include "loader/mirror/lowerdev.h"

// Whether an upper is the one that a filter set was programmed for, or another one that has got its ifindex. The guard
// goes with its device: where it is, the upper is the same. Where it is gone, the upper is the same if its name and
// address are, or if somebody has followed it ever since (Context::followed).
namespace rxf::mirror {

// What is noted of uppers that are others now, by ifindex.
Result<std::map<std::uint32_t, rxf_upper>> strangers(const Lowerdev& device);

// Forgets the filter sets of those, for writers: an unfiltered upper does not inherit one.
Result<void> forget_strangers(Lowerdev& device, std::vector<std::string>& notes);

// Sentences for `status` about filter sets of uppers that are others now, or not there any more.
Result<std::vector<std::string>> lost_filter_sets(const Lowerdev& device);

}  // namespace rxf::mirror
