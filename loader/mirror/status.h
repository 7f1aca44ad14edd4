// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/mirror/lowerdev.h"
#include "loader/mirror/operations.h"

namespace rxf::mirror {

// What is in force on an attached device now, and what is not as it should be. Changes nothing.
Result<LowerdevStatus> status_of(Lowerdev& device);

}  // namespace rxf::mirror
