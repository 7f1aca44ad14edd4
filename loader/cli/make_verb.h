// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "loader/model/result.h"

namespace rxf::cli {

// A verb as the parser knows it, and what it does once its options are read. `Session` is the program's.
template <class Session>
struct VerbOf {
  CLI::App* app;  // owned by the root
  std::function<Result<void>(const Session&)> run;
};

// Gives `root` the verb and keeps its options for as long as the verb lives, which is as long as `root` parses.
template <class Options, class Session>
VerbOf<Session> make_verb(CLI::App& root, const std::string& name, const std::string& description,
                          void (*setup)(CLI::App&, Options&), Result<void> (*run)(const Options&, const Session&)) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = root.add_subcommand(name, description);
  app->group("Verbs");
  app->footer("Global options go before or after the verb: see " + root.get_name() + " --help");
  setup(*app, *options);
  return {app, [options, run](const Session& session) { return run(*options, session); }};
}

}  // namespace rxf::cli
