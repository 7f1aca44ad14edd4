// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string_view>

#include "loader/model/result.h"

namespace rxf::datapath {

// The kernel's lockdown (kernel_lockdown(7)).
enum class Lockdown { none, integrity, confidentiality };

// "none", "integrity", "confidentiality"
[[nodiscard]] std::string_view to_string(Lockdown mode);

// Error ENOTSUP where securityfs is not mounted, with what can be told all the same.
Result<Lockdown> lockdown();

// Whether a program can replace a function of another one, which is how libxdp's dispatcher holds several programs on
// one hook: tried with two programs of ours, which no device sees and which are gone afterwards. The error says why
// not; libxdp then attaches a program alone.
Result<void> check_dispatcher();

}  // namespace rxf::datapath
