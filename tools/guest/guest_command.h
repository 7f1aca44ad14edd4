// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <ostream>

#include "tools/guest/follow.h"

namespace rxf::guest {

// The whole command: reads `arguments` (as main has them), runs the verb, and puts the answer on `out` and everything
// else, one line each, on `err`. The result is the exit status. `out` is flushed; an answer that cannot be written is
// an error. No exceptions but std::bad_alloc.
int run_guest_command(int count, const char* const* arguments, std::ostream& out, std::ostream& err,
                      const std::function<Result<void>(const FollowOptions&)>& follow = guest::follow);

}  // namespace rxf::guest
