// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <iosfwd>
#include <set>
#include <string>

#include "loader/model/filter_set.h"
#include "tests/vm_kernel/machine_monitor.h"

namespace rxf::test {

// What the driver of a virtio-net has told the device (QEMU's RxFilterInfo).
struct HardwareTables {
  bool promiscuous = false;
  bool all_multicast = false;
  bool unicast_overflow = false;  // then its table is empty, and all unicast is let in
  MacAddress address;
  AddressSet unicast;
  AddressSet multicast;
  std::set<std::uint16_t> vlans;  // VID 0 too

  bool operator==(const HardwareTables&) const = default;
};

void PrintTo(const HardwareTables& tables, std::ostream* out);

// Of the device with that QEMU id, now: the driver may be a moment behind the kernel's lists. Throws
// std::runtime_error.
HardwareTables hardware_tables(QmpClient& monitor, const std::string& id);

// The same, asked again while it is not what is expected, for a bounded time.
HardwareTables hardware_tables_becoming(QmpClient& monitor, const std::string& id, const HardwareTables& expected);

}  // namespace rxf::test
