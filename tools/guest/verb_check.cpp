// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/guest_options.h"
#include "tools/guest/guest_render.h"
#include "tools/guest/guest_verbs.h"

namespace rxf::guest {

namespace {

struct Options {
  std::vector<std::string> paths;
};

void setup(CLI::App& app, Options& options) {
  app.add_option("FILE", options.paths, "Files as run takes them, and directories of *.conf")
      ->required()
      ->option_text(" ");
}

Result<void> run(const Options& options, const GuestSession& session) {
  const Result<std::vector<GuestSettings>> guests = collect_guests(options.paths, {});
  if (!guests) return std::unexpected(guests.error());
  cli::Json answer = cli::Json::array();
  for (const GuestSettings& guest : *guests)
    if (session.json)
      answer.push_back(to_json(guest));
    else
      session.out << settings_text(guest);
  if (session.json) session.print(answer);
  return {};
}

}  // namespace

GuestVerb check_verb(CLI::App& root) {
  return cli::make_verb<Options>(root, "check", "Read the files of guests, and show their policies as understood",
                                 setup, run);
}

}  // namespace rxf::guest
