// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rxf::datapath {

// The value of an enumerator of that name in the running kernel's BTF (/sys/kernel/btf/vmlinux); nullopt where no enum
// has one, or where there is no BTF.
std::optional<std::int64_t> kernel_enumerator(const std::string& name);

// The same for several names at one look.
std::vector<std::optional<std::int64_t>> kernel_enumerators(const std::vector<std::string>& names);

// The bits of net_device.features with which a driver strips VLAN tags from frames; 0 where they cannot be told. Looked
// up once.
std::uint64_t tag_stripping_features();

// The number of IFLA_RX_FILTER in the running kernel: nullopt on a stock one, which takes every number for something
// else or ignores it. Looked up once.
std::optional<std::uint16_t> rx_filter_attribute();

}  // namespace rxf::datapath
