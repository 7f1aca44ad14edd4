// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <ostream>

#include <CLI/CLI.hpp>

#include "loader/model/result.h"

namespace rxf::cli {

// A program with verbs.
struct Program {
  const char* name;
  const char* version;
  const char* verbs;  // as a sentence lists them: "get, set or run"
};

// One verb, global options before or after it, --help and --version.
void setup_program(CLI::App& root, const Program& program);

// False where help or the version was asked for, and has been put on `out`. Usage errors are one line that names the
// verb and the argument.
Result<bool> parse_arguments(CLI::App& root, const Program& program, int count, const char* const* arguments,
                             std::ostream& out);

// An answer that cannot be written is an error.
Result<void> flush(std::ostream& out);

}  // namespace rxf::cli
