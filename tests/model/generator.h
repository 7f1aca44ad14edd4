// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "loader/model/snapshot.h"
#include "tests/model/datapath.h"

namespace rxf::test {

// A frame by its parts, so that a failing one can be made smaller and printed.
struct ProbeParts {
  MacAddress destination;
  std::optional<VlanTag> metadata;
  std::vector<VlanTag> in_frame;

  bool operator==(const ProbeParts&) const = default;
};

[[nodiscard]] Probe to_probe(const ProbeParts& parts);
[[nodiscard]] std::string to_string(const ProbeParts& parts);
[[nodiscard]] std::string to_string(const Snapshot& snapshot);

// Draws from small pools, so that every reason and every pair of one upper's address with another one's VLAN turns up.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  Snapshot snapshot();  // at most kGuards uppers
  FilterSet filter();   // valid
  ProbeParts probe(const Snapshot& snapshot);

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  MacAddress unicast();
  MacAddress multicast();
  std::uint16_t vid();
  VlanTag tag();
  VlanTag priority_tag();
  AddressFilter addresses();
  Upper upper(std::uint32_t index, UpperMode mode);
  MacAddress destination(const Snapshot& snapshot);

  std::mt19937_64 random_;
};

}  // namespace rxf::test
