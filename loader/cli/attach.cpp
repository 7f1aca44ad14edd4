// SPDX-License-Identifier: GPL-2.0-only
#include <map>

#include "loader/cli/render.h"
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

using mirror::AttachMode;

struct Options {
  std::string device;
  std::string mode;  // empty: as before, or auto
  bool dry_run = false;
};

const std::map<std::string, AttachMode>& modes() {
  static const std::map<std::string, AttachMode> kModes = {{"auto", AttachMode::auto_},
                                                           {"native", AttachMode::native},
                                                           {"generic", AttachMode::generic},
                                                           {"tc", AttachMode::tc}};
  return kModes;
}

void setup(CLI::App& app, Options& options) {
  app.add_option("DEV", options.device, "Lower device: the one under the macvlans or macvtaps")
      ->required()
      ->option_text(" ");
  app.add_option("--mode", options.mode,
                 "Where to drop early: auto, native or generic (XDP), tc; default: as before, or auto")
      ->check(CLI::IsMember({"auto", "native", "generic", "tc"}).description(""))
      ->option_text("MODE");
  app.add_flag("--dry-run", options.dry_run, "Say what attach would do, and change nothing");
}

void print_answer(const mirror::AttachResult& result, const Options& options, const Session& session) {
  if (session.json) {
    Json answer = to_json(result.status);
    answer["changed"] = result.report.changed && !options.dry_run;
    session.print(answer);
  } else if (!result.report.changed && !options.dry_run) {
    session.out << printable(options.device) << ": already attached\n";
  } else {
    session.out << attachment_text(result.status, options.dry_run);
  }
}

Result<void> run(const Options& options, const Session& session) {
  if (const Result<void> named = check_device_name(options.device); !named) return named;
  mirror::AttachOptions wanted{.dry_run = options.dry_run};
  if (!options.mode.empty()) wanted.mode = modes().at(options.mode);

  const Result<mirror::AttachResult> result = session.operations.attach(session.context, options.device, wanted);
  if (!result) return std::unexpected(result.error());
  print_answer(*result, options, session);
  session.notes(result->report.notes);
  return {};
}

}  // namespace

Verb attach_verb(CLI::App& root) {
  return make_verb<Options>(root, "attach", "Start filtering on a lower device", setup, run);
}

}  // namespace rxf::cli
