// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>

#include "loader/model/filter_set.h"

namespace rxf {

// A part of a filter set, as one IFLA_RX_FILTER carries it (docs/netlink-api.md): what is absent stays
// as it is. Without either half, both are forgotten.
struct FilterChange {
  // Without any of the three, the half is forgotten.
  struct Addresses {
    std::optional<FilterFlags> flags;
    std::optional<AddressSet> unicast;  // replaces the list; an empty one clears it
    std::optional<AddressSet> multicast;

    bool operator==(const Addresses&) const = default;
  };
  struct Vlans {
    std::optional<VlanSet> only;  // replaces the set; without it, the half is forgotten

    bool operator==(const Vlans&) const = default;
  };

  std::optional<Addresses> addresses;
  std::optional<Vlans> vlans;

  bool operator==(const FilterChange&) const = default;
};

// Makes it `filter`, whatever it was: an absent half is one that is to be forgotten.
[[nodiscard]] FilterChange exactly(const FilterSet& filter);

// As the answer to a get states `filter`: an absent half is left out.
[[nodiscard]] FilterChange stating(const FilterSet& filter);

// What `now` becomes: a set that validate() finds nothing wrong with. Its errors, and EINVAL where an address half
// begins without flags. All of them usage errors.
Result<FilterSet> merged(const FilterSet& now, const FilterChange& change);

}  // namespace rxf
