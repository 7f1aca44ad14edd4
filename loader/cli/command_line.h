// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <ostream>

#include "loader/cli/session.h"

namespace rxf::cli {

// The whole command: reads `arguments` (as main has them), runs the verb, and puts the answer on `out` and everything
// else, one line each, on `err`. The result is the exit status. `out` is flushed; an answer that cannot be written is
// an error. No exceptions but std::bad_alloc.
int run_command_line(int count, const char* const* arguments, std::ostream& out, std::ostream& err,
                     const Operations& operations = {});

}  // namespace rxf::cli
