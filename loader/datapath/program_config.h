// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

#include "loader/model/result.h"

namespace rxf::datapath {

// Whether a loaded program has the same rxf_config as another: its tag covers the instructions alone. False where there
// is no such program, or where its configuration has another size.
Result<bool> same_configuration(std::uint32_t program_id, int other_fd);

}  // namespace rxf::datapath
