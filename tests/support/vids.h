// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <initializer_list>

#include "loader/model/vlan_set.h"

namespace rxf::test {

inline VlanSet vids(std::initializer_list<std::uint16_t> list) {
  VlanSet vids;
  for (const std::uint16_t vid : list) vids.insert(vid);
  return vids;
}

}  // namespace rxf::test
