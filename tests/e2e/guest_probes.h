// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "loader/model/filter_set.h"
#include "loader/model/verdict.h"
#include "tests/support/probe_frames.h"

namespace rxf::test {

inline constexpr MacAddress kGroup = {{0x01, 0x00, 0x5e, 1, 2, 3}};       // a guest joins it
inline constexpr MacAddress kOtherGroup = {{0x01, 0x00, 0x5e, 9, 9, 9}};  // nobody does
inline constexpr MacAddress kFurther = {{0x02, 0xbb, 0, 0, 0, 1}};        // a macvlan in a guest has it, and may
inline constexpr MacAddress kForbidden = {{0x02, 0xdd, 0, 0, 0, 1}};      // it has this one too, and may not
inline constexpr MacAddress kNobody = {{0x02, 0xcc, 0, 0, 0, 1}};
inline constexpr std::uint16_t kVid = 42;  // a guest has it
inline constexpr std::uint16_t kOtherVid = 43;

// What is sent to a guest with that address: "own", "own.42", "group", ... A name without a number is untagged;
// "own.priority" has VID 0, "own.service" an 802.1ad tag, which both count as untagged.
[[nodiscard]] std::vector<Probe> guest_probes(const MacAddress& own);

using Names = std::set<std::string>;
// Any address that has a frame of its own here, on some VLANs. A guest that is up and asks for nothing gets kPlain; one
// that all multicast reaches, the second too.
inline const Names kPlain = {"own", "own.priority", "own.service", "broadcast", "all-hosts"};
inline const Names kAllMulticast = {"group", "other-group"};
[[nodiscard]] Names operator+(Names names, const Names& more);

// By the probe's name, what the reference verdict says about it.
using Verdicts = std::map<std::string, std::string>;
[[nodiscard]] Verdicts reference_verdicts(const FilterSet& filter, const MacAddress& own,
                                          const std::vector<Probe>& probes);
[[nodiscard]] Names accepted(const Verdicts& verdicts);

}  // namespace rxf::test
