// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bpf/rx_filter_abi.h"

namespace rxf::test {

// The ids of programs that another version has attached.
struct OlderPrograms {
  std::vector<std::uint32_t> ids;

  // Whether none of them is loaded any more.
  [[nodiscard]] bool all_gone() const;
};

// Puts programs with other instructions (older.bpf.c) in the place of the early drop and the guards of an attached
// device, and notes them, as if another version had attached it. The caller's network namespace is the device's. Throws
// std::system_error.
OlderPrograms replace_by_older(std::uint32_t ifindex, const std::string& pin_directory);

// The early drop's XDP program alone, by that one. Returns its id.
std::uint32_t replace_early_xdp(std::uint32_t ifindex, const std::string& pin_directory, std::span<const std::byte> elf,
                                const rxf_config& config);

}  // namespace rxf::test
