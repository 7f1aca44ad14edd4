// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/model/snapshot.h"

namespace rxf {

// A *claim* is a further unicast address of an upper outside PASSTHRU: its frames are handed to that upper alone, on
// every VLAN of its set and untagged, so nobody else may have it. Owners are the lower device, siblings and other
// devices on it, by their own addresses, the filter sets of siblings, and the lower device's unicast list.

// Whether the upper with that ifindex may have `wanted` as its filter set. Error EADDRINUSE with an address that it
// adds to its present set, and whose that is. What it claims already is no error: it may have got another owner since.
Result<void> check_claims(const Snapshot& snapshot, std::uint32_t ifindex, const FilterSet& wanted);

// A claim on an address that has another owner: steering leaves its frames to them.
struct Conflict {
  std::string upper;  // its name
  MacAddress address;
  std::string owner;  // "eth2's own address", "in the filter set of macvtap9"

  bool operator==(const Conflict&) const = default;
};

// "02:... is a further address of macvtap8, and eth2's own address: ...", with the next step.
[[nodiscard]] std::string to_string(const Conflict& conflict);

// Every one there is now, by ifindex of the upper and by address.
[[nodiscard]] std::vector<Conflict> conflicts(const Snapshot& snapshot);

}  // namespace rxf
