// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render_filter.h"
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
  const Result<daemon::GetAnswer> answer = session.operations.get(session.context, session.api, options.upper);
  if (!answer) return std::unexpected(answer.error());
  if (session.json)
    session.print(to_json(answer->filter));
  else
    session.out << filter_text(options.upper, answer->filter);
  if (session.verbose) session.note("read by " + std::string(to_string(answer->route)));
  return {};
}

}  // namespace

Verb get_verb(CLI::App& root) {
  return make_verb<Options>(root, "get", "Show the filter set of a macvlan or macvtap", setup, run);
}

}  // namespace rxf::cli
