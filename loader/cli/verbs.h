// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "loader/cli/session.h"

namespace rxf::cli {

// A verb as the parser knows it, and what it does once its options are read.
struct Verb {
  CLI::App* app;  // owned by the root
  std::function<Result<void>(const Session&)> run;
};

// Each in the file of its name.
Verb attach_verb(CLI::App& root);
Verb detach_verb(CLI::App& root);
Verb set_verb(CLI::App& root);
Verb get_verb(CLI::App& root);
Verb clear_verb(CLI::App& root);
Verb status_verb(CLI::App& root);
Verb probe_verb(CLI::App& root);
Verb explain_verb(CLI::App& root);
Verb drops_verb(CLI::App& root);
Verb run_verb(CLI::App& root);

// An option or positional whose text may be empty; CLI11 would take that for none where it writes to the optional
// itself.
inline CLI::Option* add_text(CLI::App& app, const std::string& name, std::optional<std::string>& text,
                             const std::string& description) {
  return app.add_option_function<std::string>(
      name, [&text](const std::string& value) { text = value; }, description);
}

// Gives `root` the verb and keeps its options for as long as the Verb lives, which is as long as `root` parses.
template <class Options>
Verb make_verb(CLI::App& root, const std::string& name, const std::string& description,
               void (*setup)(CLI::App&, Options&), Result<void> (*run)(const Options&, const Session&)) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = root.add_subcommand(name, description);
  app->group("Verbs");
  app->footer("Global options go before or after the verb: see rxfilter-loader --help");
  setup(*app, *options);
  return {app, [options, run](const Session& session) { return run(*options, session); }};
}

}  // namespace rxf::cli
