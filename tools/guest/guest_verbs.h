// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include <CLI/CLI.hpp>

#include "loader/cli/filter_json.h"
#include "loader/cli/make_verb.h"
#include "tools/guest/follow.h"

namespace rxf::guest {

// One run of the command: the global options and where the answer goes. The references outlive it.
struct GuestSession {
  std::ostream& out;
  std::ostream& err;
  std::function<Result<void>(const FollowOptions&)> follow;

  std::string api{};    // path of the daemon's socket
  std::string state{};  // directory of the reports
  bool json = false;
  bool pretty = false;
  bool verbose = false;

  // The answer as JSON, with a newline. Bytes that are not UTF-8 become U+FFFD.
  void print(const cli::Json& answer) const;
  // One line on the error stream.
  void complain(const Error& error) const;
};

using GuestVerb = cli::VerbOf<GuestSession>;

// Each in the file of its name.
GuestVerb run_verb(CLI::App& root);
GuestVerb status_verb(CLI::App& root);
GuestVerb check_verb(CLI::App& root);
GuestVerb judge_verb(CLI::App& root);

}  // namespace rxf::guest
