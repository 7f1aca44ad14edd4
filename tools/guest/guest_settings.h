// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string>

#include "tools/guest/policy.h"

namespace rxf::guest {

// One guest interface to follow.
struct GuestSettings {
  std::string upper;               // macvtap on the host
  std::optional<std::string> qmp;  // path of QEMU's monitor socket; absent: `profile` alone
  std::optional<std::string> nic;  // the device's id in QEMU; absent: the only one that answers
  std::optional<MacAddress> mac;   // the guest's configured address; absent: the upper's
  Policy policy;
  std::optional<FilterSet> profile;  // for a NIC that cannot be asked: programmed as it is
  bool shadow = false;               // judge and count, program nothing
  unsigned changes = 10;             // a second, at most; 1..1000
  unsigned poll = 30;                // seconds between two looks at what QEMU does not announce

  bool operator==(const GuestSettings&) const = default;
};

}  // namespace rxf::guest
