// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "loader/model/verdict.h"
#include "tests/model/datapath.h"
#include "tests/model/generator.h"

namespace rxf::test {

// One snapshot, one frame, and what is wrong with how the programs judge it.
struct Counterexample {
  Snapshot snapshot;
  ProbeParts probe;
  std::string what;
};

[[nodiscard]] std::string to_string(const Counterexample& example);

// What a search went through.
struct Shares {
  std::uint64_t snapshots = 0;
  std::uint64_t frames = 0;
  std::uint64_t pairs = 0;                           // (filter set, frame)
  std::array<std::uint64_t, RXF_REASONS> reasons{};  // of the reference, by Verdict
  std::uint64_t cross_pairs = 0;                     // an address of this upper on a VLAN of another one only
  std::uint64_t in_metadata = 0;                     // pairs with the tag in metadata
  std::uint64_t early_drops = 0;                     // frames that the early drop at tc drops
};

// Judges random frames under random snapshots: every guard as the reference verdict says, counted under the reference's
// reason; the early drop, in each form, passes whatever an upper or the host may want. Returns the first
// counterexample, shrunk.
std::optional<Counterexample> search(Datapath& datapath, std::uint64_t seed, std::uint32_t snapshots,
                                     std::uint32_t frames_each, Shares& shares);

// The rules and guard indices (the position among the uppers) for a snapshot, as the loader would write them.
[[nodiscard]] datapath::DesiredRules desired_of(const Snapshot& snapshot);

}  // namespace rxf::test
