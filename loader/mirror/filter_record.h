// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "bpf/rx_filter_abi.h"
#include "loader/model/filter_set.h"

namespace rxf::mirror {

// One value of the `filters` map: what an upper asked for, and what was changed in the kernel's lists on its behalf.
// Written before the change it tells of, so it may name an entry that is not there yet or no more, never miss one.
struct FilterRecord {
  FilterSet filter;
  AddressSet owned_unicast;  // on the upper (PASSTHRU)
  AddressSet owned_below;    // on the lower device (other modes); only one of the two has anything
  AddressSet owned_multicast;
  bool owned_allmulti = false;        // the upper's flag; not PASSTHRU, but for what earlier versions left
  bool owned_promisc = false;         // the upper's flag (PASSTHRU)
  bool owned_allmulti_below = false;  // the lower device's flag (PASSTHRU, NOPROMISC)

  bool operator==(const FilterRecord&) const = default;
  [[nodiscard]] bool owns_nothing() const {
    return owned_unicast.empty() && owned_below.empty() && owned_multicast.empty() && !owned_allmulti &&
           !owned_promisc && !owned_allmulti_below;
  }
};

// Error E2BIG where more is owned than the record holds.
Result<void> encode(const FilterRecord& record, rxf_filter& value);
Result<FilterRecord> decode(const rxf_filter& value);

}  // namespace rxf::mirror
