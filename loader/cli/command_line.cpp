// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/command_line.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "loader/cli/parsing.h"
#include "loader/cli/verbs.h"
#include "loader/daemon/api_client.h"

namespace rxf::cli {

namespace {

constexpr Program kProgram{.name = "rxfilter-loader",
                           .version = RXF_VERSION,
                           .verbs = "attach, detach, set, get, clear, status, probe, explain, drops or run"};

struct Globals {
  std::optional<std::string> netns;
  std::string bpffs = mirror::Context{}.bpffs;
  std::optional<std::string> api;
  AnswerFlags answer;
};

void setup(CLI::App& root, Globals& globals) {
  setup_program(root, kProgram);
  add_text(root, "-n,--netns", globals.netns, "Work in this network namespace: a name of ip-netns(8), or a path")
      ->option_text("NETNS");
  root.add_option("--bpffs", globals.bpffs, "The mounted BPF file system; default: " + globals.bpffs)
      ->option_text("DIR");
  add_text(root, "--api", globals.api, "The API socket of the daemon (run); default: /run/rxfilter/api.sock")
      ->option_text("SOCKET");
  add_answer_flags(root, globals.answer);
}

std::vector<Verb> add_verbs(CLI::App& root) {
  return {attach_verb(root), detach_verb(root), set_verb(root),     get_verb(root),   clear_verb(root),
          status_verb(root), probe_verb(root),  explain_verb(root), drops_verb(root), run_verb(root)};
}

Result<void> check_directory(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_error(errno, "--bpffs " + path);
  if (!S_ISDIR(status.st_mode)) return system_error(ENOTDIR, "--bpffs " + path);
  return {};
}

Result<void> run_verb(const std::vector<Verb>& verbs, const Globals& globals, Session& session) {
  session.context.bpffs = globals.bpffs;
  session.json = globals.answer.json;
  session.pretty = globals.answer.pretty;
  session.verbose = globals.answer.verbose;
  if (globals.netns)
    if (const Result<void> entered = session.operations.enter_netns(*globals.netns); !entered) return entered;
  if (const Result<void> found = check_directory(globals.bpffs); !found) return found;
  session.api = globals.api ? *globals.api : daemon::default_api_path();

  const auto verb = std::find_if(verbs.begin(), verbs.end(), [](const Verb& one) { return one.app->parsed(); });
  return verb->run(session);
}

Result<void> parse_and_run(int count, const char* const* arguments, Session& session) {
  CLI::App root{"Filter what macvlan and macvtap devices receive", kProgram.name};
  Globals globals;
  setup(root, globals);
  const std::vector<Verb> verbs = add_verbs(root);

  const Result<bool> ready = parse_arguments(root, kProgram, count, arguments, session.out);
  if (!ready) return std::unexpected(ready.error());
  return *ready ? run_verb(verbs, globals, session) : Result<void>{};
}

}  // namespace

int run_command_line(int count, const char* const* arguments, std::ostream& out, std::ostream& err,
                     const Operations& operations) {
  Session session{.operations = operations, .out = out, .err = err};
  return finish(kProgram, parse_and_run(count, arguments, session), out, err);
}

}  // namespace rxf::cli
