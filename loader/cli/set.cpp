// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/filter_args.h"
#include "loader/cli/render_filter.h"
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

struct Options {
  std::string upper;
  FilterArguments filter;
  std::optional<std::string> file;
};

void setup(CLI::App& app, Options& options) {
  app.add_option("UPPER", options.upper, "macvlan or macvtap")->required()->option_text(" ");
  add_text(app, "--unicast", options.filter.unicast, "Unicast addresses; +MAC and -MAC edit the list")
      ->option_text("MAC,...|none");
  add_text(app, "--multicast", options.filter.multicast, "Multicast addresses; +MAC and -MAC edit the list")
      ->option_text("MAC,...|none|all");
  add_text(app, "--vlan", options.filter.vlan, "VLANs and ranges of them; +10 and -20-29 edit the set")
      ->option_text("10,20-29|none|all");
  add_text(app, "--flags", options.filter.flags, "broadcast, multicast, promisc, allmulti; +FLAG and -FLAG edit them")
      ->option_text("FLAG,...|none");
  add_text(app, "--from", options.file, "Replace the whole filter set by this one, as printed by get -j; - is stdin")
      ->option_text("FILE");
}

Result<FilterEdit> wanted_edit(const Options& options) {
  if (options.file && !options.filter.empty())
    return usage_error(
        "set: --from replaces the whole filter set: give it without --unicast, --multicast, --vlan, --flags");
  if (!options.file && options.filter.empty())
    return usage_error("set: nothing to change: give --unicast, --multicast, --vlan, --flags or --from");
  if (!options.file) return parse_filter_arguments(options.filter);

  const Result<FilterSet> whole = read_filter_file(*options.file);
  if (!whole) return std::unexpected(whole.error());
  return FilterEdit{.whole = *whole};
}

Result<void> run(const Options& options, const Session& session) {
  if (const Result<void> named = check_device_name(options.upper); !named) return named;
  const Result<FilterEdit> edit = wanted_edit(options);
  if (!edit) return std::unexpected(edit.error());

  const Result<daemon::SetAnswer> result = session.operations.set(session.context, session.api, options.upper, *edit);
  if (!result) return std::unexpected(result.error());
  if (session.verbose && session.json)
    session.print(to_json(result->filter));
  else if (session.verbose)
    session.out << filter_text(options.upper, result->filter);
  session.notes(result->report.notes);
  if (session.verbose) session.note("set by " + std::string(to_string(result->route)));
  return {};
}

}  // namespace

Verb set_verb(CLI::App& root) {
  return make_verb<Options>(root, "set", "Change what a macvlan or macvtap receives", setup, run);
}

}  // namespace rxf::cli
