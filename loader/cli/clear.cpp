// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

struct Options {
  std::string upper;
};

void setup(CLI::App& app, Options& options) {
  app.add_option("UPPER", options.upper, "macvlan or macvtap")->required()->option_text(" ");
}

Result<void> run(const Options& options, const Session& session) {
  if (const Result<void> named = check_device_name(options.upper); !named) return named;
  const Result<daemon::SetAnswer> done = session.operations.clear(session.context, session.api, options.upper);
  if (!done) return std::unexpected(done.error());
  const mirror::Report& report = done->report;
  if (session.json)
    session.print({{"device", options.upper}, {"changed", report.changed}});
  else if (!report.changed)
    session.out << printable(options.upper) << ": unfiltered already\n";
  session.notes(report.notes);
  if (session.verbose) session.note("cleared by " + std::string(to_string(done->route)));
  return {};
}

}  // namespace

Verb clear_verb(CLI::App& root) {
  return make_verb<Options>(root, "clear", "Remove the filter set: the upper receives everything again", setup, run);
}

}  // namespace rxf::cli
