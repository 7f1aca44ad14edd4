// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/guest_command.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "loader/cli/add_text.h"
#include "loader/cli/parsing.h"
#include "loader/daemon/api_path.h"
#include "tools/guest/guest_verbs.h"

namespace rxf::guest {

namespace {

constexpr cli::Program kProgram{
    .name = "rxfilter-guest", .version = RXF_VERSION, .verbs = "run, status, check or judge"};
constexpr const char* kUsualState = "/run/rxfilter-guest";

struct Globals {
  std::optional<std::string> api;
  std::optional<std::string> state;
  cli::AnswerFlags answer;
};

void setup(CLI::App& root, Globals& globals) {
  cli::setup_program(root, kProgram);
  cli::add_text(root, "--api", globals.api,
                "The API socket of the daemon (rxfilter-loader run); default: /run/rxfilter/api.sock")
      ->option_text("SOCKET");
  cli::add_text(root, "--state", globals.state,
                "Where run says what it does, for status; default: $RUNTIME_DIRECTORY, or " + std::string(kUsualState))
      ->option_text("DIR");
  cli::add_answer_flags(root, globals.answer);
}

// systemd lists several with colons between them.
std::string default_state() {
  const char* given = std::getenv("RUNTIME_DIRECTORY");
  const std::string list = given == nullptr ? "" : given;
  const std::string first = list.substr(0, list.find(':'));
  return first.empty() ? kUsualState : first;
}

Result<void> run_parsed(const std::vector<GuestVerb>& verbs, const Globals& globals, GuestSession& session) {
  if (globals.state && globals.state->empty()) return usage_error("--state \"\": give a directory");
  session.api = globals.api ? *globals.api : daemon::default_api_path();
  session.state = globals.state ? *globals.state : default_state();
  session.json = globals.answer.json;
  session.pretty = globals.answer.pretty;
  session.verbose = globals.answer.verbose;
  const auto verb = std::ranges::find_if(verbs, [](const GuestVerb& one) { return one.app->parsed(); });
  return verb->run(session);
}

Result<void> parse_and_run(int count, const char* const* arguments, GuestSession& session) {
  CLI::App root{"Let the guests of QEMU say what their macvtap devices receive, under a policy", kProgram.name};
  Globals globals;
  setup(root, globals);
  const std::vector<GuestVerb> verbs = {run_verb(root), status_verb(root), check_verb(root), judge_verb(root)};
  const Result<bool> ready = cli::parse_arguments(root, kProgram, count, arguments, session.out);
  if (!ready) return std::unexpected(ready.error());
  return *ready ? run_parsed(verbs, globals, session) : Result<void>{};
}

}  // namespace

void GuestSession::print(const cli::Json& answer) const { cli::print_json(out, answer, pretty); }

void GuestSession::complain(const Error& error) const { cli::complain(err, kProgram.name, error); }

int run_guest_command(int count, const char* const* arguments, std::ostream& out, std::ostream& err,
                      const std::function<Result<void>(const FollowOptions&)>& follow) {
  GuestSession session{.out = out, .err = err, .follow = follow};
  return cli::finish(kProgram, parse_and_run(count, arguments, session), out, err);
}

}  // namespace rxf::guest
