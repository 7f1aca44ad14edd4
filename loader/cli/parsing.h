// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <ostream>

#include <CLI/CLI.hpp>

#include "loader/cli/filter_json.h"
#include "loader/model/result.h"

namespace rxf::cli {

// A program with verbs.
struct Program {
  const char* name;
  const char* version;
  const char* verbs;  // as a sentence lists them: "get, set or run"
};

// How it answers.
struct AnswerFlags {
  bool json = false;
  bool pretty = false;
  bool verbose = false;
};

// One verb, global options before or after it, --help and --version.
void setup_program(CLI::App& root, const Program& program);

// -j, -p and -v.
void add_answer_flags(CLI::App& root, AnswerFlags& flags);

// False where help or the version was asked for, and has been put on `out`. Usage errors are one line that names the
// verb and the argument.
Result<bool> parse_arguments(CLI::App& root, const Program& program, int count, const char* const* arguments,
                             std::ostream& out);

// With a newline. Bytes that are not UTF-8, which device names may hold, become U+FFFD.
void print_json(std::ostream& out, const Json& answer, bool pretty);

// One line.
void complain(std::ostream& err, const char* program, const Error& error);

// The exit status after `done`, whose error is complained about. An answer that cannot be written is one too.
int finish(const Program& program, Result<void> done, std::ostream& out, std::ostream& err);

}  // namespace rxf::cli
