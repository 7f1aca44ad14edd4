// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/model/filter_set.h"

namespace rxf::test {

// What version 1 of the maps and programs left on a device.
struct Layout1 {
  std::string pin_directory;
  std::vector<std::uint32_t> programs;  // ids
  std::vector<std::uint32_t> maps;      // ids of those that later layouts replaced

  // Whether none of them is loaded any more.
  [[nodiscard]] bool programs_are_gone() const;
  [[nodiscard]] bool maps_are_gone() const;
};

enum class Layout1Early { tc, native, generic };

// Attaches `lower` and programs `upper` of a PASSTHRU Topology as the loader of that version did: maps pinned and
// filled, the kernel's lists, the guard at tc pref 100, the early drop. `filter` has both halves. Throws
// std::system_error or std::runtime_error.
Layout1 attach_layout_1(const std::string& bpffs, Layout1Early early, const FilterSet& filter);

}  // namespace rxf::test
