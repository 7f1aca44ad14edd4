// SPDX-License-Identifier: GPL-2.0-only
#include <net/if.h>

#include "loader/cli/add_text.h"
#include "loader/cli/text.h"
#include "tools/guest/guest_render.h"
#include "tools/guest/guest_verbs.h"

namespace rxf::guest {

namespace {

struct Options {
  std::optional<std::string> upper;
};

void setup(CLI::App& app, Options& options) {
  cli::add_text(app, "UPPER", options.upper, "macvtap of a guest; without it, every one that is followed")
      ->option_text(" ");
}

Result<void> show_one(const std::string& upper, const GuestSession& session) {
  if (const Result<void> named = cli::check_device_name(upper); !named) return named;
  const Result<FoundReport> found = read_report(session.state, upper);
  if (!found) return std::unexpected(found.error());
  if (session.json)
    session.print(to_json(*found));
  else
    session.out << report_text(*found);
  return {};
}

// What is left of a guest that ended, and its device with it.
bool is_past(const FoundReport& found) {
  return found.followed == false && ::if_nametoindex(found.report.upper.c_str()) == 0;
}

void show(const FoundReports& found, const GuestSession& session) {
  if (session.json) {
    cli::Json answer = cli::Json::array();
    for (const FoundReport& one : found.reports) answer.push_back(to_json(one));
    session.print(answer);
    return;
  }
  if (found.reports.empty() && found.unreadable.empty()) session.out << "no guest is followed\n";
  for (const FoundReport& one : found.reports) session.out << report_text(one);
}

// One report that cannot be read keeps nobody from the others.
Result<void> show_all(const GuestSession& session) {
  Result<FoundReports> found = read_reports(session.state);
  if (!found) return std::unexpected(found.error());
  std::erase_if(found->reports, is_past);
  show(*found, session);
  if (found->unreadable.empty()) return {};
  for (std::size_t i = 1; i < found->unreadable.size(); ++i) session.complain(found->unreadable[i]);
  return std::unexpected(found->unreadable.front());
}

Result<void> run(const Options& options, const GuestSession& session) {
  return options.upper ? show_one(*options.upper, session) : show_all(session);
}

}  // namespace

GuestVerb status_verb(CLI::App& root) {
  return cli::make_verb<Options>(root, "status", "Show what guests have, what was refused, and the counters", setup,
                                 run);
}

}  // namespace rxf::guest
