// SPDX-License-Identifier: GPL-2.0-only
#include <syslog.h>

#include "loader/cli/log_line.h"
#include "tools/guest/guest_options.h"
#include "tools/guest/guest_verbs.h"

namespace rxf::guest {

namespace {

struct Options {
  std::vector<std::string> paths;
  GuestOptions flags;
};

void setup(CLI::App& app, Options& options) {
  app.add_option("FILE", options.paths, "Guests to follow: a file each (TOML or INI), or a directory of *.conf")
      ->option_text(" ");
  setup_guest_options(app, options.flags);
}

Result<void> run(const Options& options, const GuestSession& session) {
  if (options.paths.empty() && options.flags == GuestOptions{})
    return usage_error("run: no guest to follow: name a file or a directory, or give --upper and --qmp");
  const auto collect = [&options] { return collect_guests(options.paths, options.flags); };
  const Result<std::vector<GuestSettings>> guests = collect();
  if (!guests) return std::unexpected(guests.error());
  return session.follow({.guests = *guests,
                         .reload = collect,
                         .api = session.api,
                         .state_directory = session.state,
                         .log = [&session](int priority, const std::string& line) {
                           if (priority < LOG_INFO || session.verbose)
                             session.err << cli::log_line(priority, "rxfilter-guest", line) << std::endl;
                         }});
}

}  // namespace

GuestVerb run_verb(CLI::App& root) {
  return cli::make_verb<Options>(root, "run", "Follow guests, and program what the policy allows", setup, run);
}

}  // namespace rxf::guest
