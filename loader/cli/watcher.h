// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "loader/mirror/operations.h"

namespace rxf::cli {

// Starts a process that undoes the attach with this confirm_by when its time has come, and that neither the end of this
// one nor that of its terminal ends. It is started before the attach, so that nothing is left without it; calling the
// result ends it, where the attach has failed. It may be killed: the programs themselves stop dropping at that time.
Result<std::function<void()>> start_watcher(const mirror::Context& context, const std::string& device,
                                            std::uint64_t confirm_by);

}  // namespace rxf::cli
