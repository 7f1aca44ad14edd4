// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/command_line.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "loader/cli/text.h"
#include "loader/cli/verbs.h"
#include "loader/daemon/api_client.h"

namespace rxf::cli {

namespace {

constexpr const char* kVersion = "rxfilter-loader " RXF_VERSION;

struct Globals {
  std::optional<std::string> netns;
  std::string bpffs = mirror::Context{}.bpffs;
  std::optional<std::string> api;
  bool json = false;
  bool pretty = false;
  bool verbose = false;
};

void setup(CLI::App& root, Globals& globals) {
  root.require_subcommand(1);
  root.get_formatter()->label("SUBCOMMAND", "VERB");
  root.fallthrough();
  root.set_help_flag("-h,--help", "Print this help");
  root.set_version_flag("--version", kVersion, "Print the version");
  add_text(root, "-n,--netns", globals.netns, "Work in this network namespace: a name of ip-netns(8), or a path")
      ->option_text("NETNS");
  root.add_option("--bpffs", globals.bpffs, "The mounted BPF file system; default: " + globals.bpffs)
      ->option_text("DIR");
  add_text(root, "--api", globals.api, "The API socket of the daemon (run); default: /run/rxfilter/api.sock")
      ->option_text("SOCKET");
  root.add_flag("-j,--json", globals.json, "Answer in JSON")->disable_flag_override();
  root.add_flag("-p,--pretty", globals.pretty, "Indent the JSON")->disable_flag_override();
  root.add_flag("-v,--verbose", globals.verbose, "Say more")->disable_flag_override();
}

std::vector<Verb> add_verbs(CLI::App& root) {
  return {attach_verb(root), detach_verb(root), set_verb(root),     get_verb(root),   clear_verb(root),
          status_verb(root), probe_verb(root),  explain_verb(root), drops_verb(root), run_verb(root)};
}

// What CLI11 could not place: an unknown option before anything else, since its value may be among the rest.
std::optional<std::string> leftover(const CLI::App& root) {
  const std::vector<std::string> rest = root.remaining(true);
  const auto is_option = [](const std::string& text) {
    return text.size() > 1 && text.starts_with('-') && text != "--";
  };
  if (const auto found = std::find_if(rest.begin(), rest.end(), is_option); found != rest.end())
    return "unknown option " + quote(found->substr(0, found->find('=')));
  const auto found = std::find_if(rest.begin(), rest.end(), [](const std::string& text) { return text != "--"; });
  if (found == rest.end()) return std::nullopt;
  return (root.get_subcommands().empty() ? "unknown verb " : "unexpected argument ") + quote(*found);
}

// CLI11's complaint in our words, where its own would not help.
std::string explain(const CLI::App& root, const CLI::ParseError& error) {
  const auto parsed = root.get_subcommands();
  const std::string verb = parsed.empty() ? "" : parsed.front()->get_name();
  const std::string advice = "; see rxfilter-loader " + (verb.empty() ? "" : verb + " ") + "--help";
  const std::string start = verb.empty() ? "" : verb + ": ";
  if (const std::optional<std::string> rest = leftover(root)) return start + *rest + advice;
  if (verb.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
    return "a verb is missing: attach, detach, set, get, clear, status, probe, explain, drops or run" + advice;

  const std::string what = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) == nullptr) return start + what + advice;
  const std::string option = what.substr(0, what.find_first_of(": "));
  if (what.find("At Most") != std::string::npos) return start + option + " is given more than once";
  if (what.find("override") != std::string::npos)
    return start + (option.starts_with('-') ? "" : "--") + option + " takes no value";
  return start + option + " needs a value" + advice;
}

// "--unicast=": CLI11 would take the next argument for the value.
std::optional<std::string> empty_value(int count, const char* const* arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--") break;
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1)
      return std::string(argument.substr(0, argument.size() - 1));
  }
  return std::nullopt;
}

Result<void> check_directory(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_error(errno, "--bpffs " + path);
  if (!S_ISDIR(status.st_mode)) return system_error(ENOTDIR, "--bpffs " + path);
  return {};
}

Result<void> run_verb(const std::vector<Verb>& verbs, const Globals& globals, Session& session) {
  session.context.bpffs = globals.bpffs;
  session.json = globals.json;
  session.pretty = globals.pretty;
  session.verbose = globals.verbose;
  if (globals.netns)
    if (const Result<void> entered = session.operations.enter_netns(*globals.netns); !entered) return entered;
  if (const Result<void> found = check_directory(globals.bpffs); !found) return found;
  session.api = globals.api ? *globals.api : daemon::default_api_path();

  const auto verb = std::find_if(verbs.begin(), verbs.end(), [](const Verb& one) { return one.app->parsed(); });
  return verb->run(session);
}

Result<void> flush(std::ostream& out) {
  errno = 0;
  out.flush();
  if (!out) return system_error(errno == 0 ? EIO : errno, "standard output");
  return {};
}

// Help and version are "errors" to CLI11, with the exit code 0.
Result<bool> parse(CLI::App& root, int count, const char* const* arguments, std::ostream& out) {
  if (const std::optional<std::string> option = empty_value(count, arguments))
    return usage_error(quote(*option) + " needs a value");
  try {
    root.parse(count, arguments);
  } catch (const CLI::CallForHelp&) {
    out << root.help();
    return false;
  } catch (const CLI::CallForVersion&) {
    out << kVersion << '\n';
    return false;
  } catch (const CLI::ParseError& error) {
    return usage_error(explain(root, error));
  }
  return true;
}

Result<void> parse_and_run(int count, const char* const* arguments, Session& session) {
  CLI::App root{"Filter what macvlan and macvtap devices receive", "rxfilter-loader"};
  Globals globals;
  setup(root, globals);
  const std::vector<Verb> verbs = add_verbs(root);

  const Result<bool> ready = parse(root, count, arguments, session.out);
  if (!ready) return std::unexpected(ready.error());
  return *ready ? run_verb(verbs, globals, session) : Result<void>{};
}

}  // namespace

int run_command_line(int count, const char* const* arguments, std::ostream& out, std::ostream& err,
                     const Operations& operations) {
  Session session{.operations = operations, .out = out, .err = err};
  Result<void> done = parse_and_run(count, arguments, session);
  if (const Result<void> written = flush(out); done && !written) done = written;
  if (done) return static_cast<int>(Exit::done);
  session.complain(done.error());
  return static_cast<int>(done.error().exit);
}

}  // namespace rxf::cli
