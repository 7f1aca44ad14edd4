// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/parsing.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "loader/cli/text.h"

namespace rxf::cli {

namespace {

constexpr int kIndent = 4;

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
std::string explain(const CLI::App& root, const Program& program, const CLI::ParseError& error) {
  const auto parsed = root.get_subcommands();
  const std::string verb = parsed.empty() ? "" : parsed.front()->get_name();
  const std::string advice = std::string("; see ") + program.name + " " + (verb.empty() ? "" : verb + " ") + "--help";
  const std::string start = verb.empty() ? "" : verb + ": ";
  if (const std::optional<std::string> rest = leftover(root)) return start + *rest + advice;
  if (verb.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
    return std::string("a verb is missing: ") + program.verbs + advice;

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

Result<void> flush(std::ostream& out) {
  errno = 0;
  out.flush();
  if (!out) return system_error(errno == 0 ? EIO : errno, "standard output");
  return {};
}

}  // namespace

void setup_program(CLI::App& root, const Program& program) {
  root.require_subcommand(1);
  root.get_formatter()->label("SUBCOMMAND", "VERB");
  root.fallthrough();
  root.set_help_flag("-h,--help", "Print this help");
  root.set_version_flag("--version", std::string(program.name) + " " + program.version, "Print the version");
}

void add_answer_flags(CLI::App& root, AnswerFlags& flags) {
  root.add_flag("-j,--json", flags.json, "Answer in JSON")->disable_flag_override();
  root.add_flag("-p,--pretty", flags.pretty, "Indent the JSON")->disable_flag_override();
  root.add_flag("-v,--verbose", flags.verbose, "Say more")->disable_flag_override();
}

// Help and version are "errors" to CLI11, with the exit code 0.
Result<bool> parse_arguments(CLI::App& root, const Program& program, int count, const char* const* arguments,
                             std::ostream& out) {
  if (const std::optional<std::string> option = empty_value(count, arguments))
    return usage_error(quote(*option) + " needs a value");
  try {
    root.parse(count, arguments);
  } catch (const CLI::CallForHelp&) {
    out << root.help();
    return false;
  } catch (const CLI::CallForVersion&) {
    out << program.name << ' ' << program.version << '\n';
    return false;
  } catch (const CLI::ParseError& error) {
    return usage_error(explain(root, program, error));
  }
  return true;
}

void print_json(std::ostream& out, const Json& answer, bool pretty) {
  out << answer.dump(pretty ? kIndent : -1, ' ', false, Json::error_handler_t::replace) << '\n';
}

void complain(std::ostream& err, const char* program, const Error& error) {
  err << program << ": " << printable(error.text) << '\n';
}

int finish(const Program& program, Result<void> done, std::ostream& out, std::ostream& err) {
  if (const Result<void> written = flush(out); done && !written) done = written;
  if (done) return static_cast<int>(Exit::done);
  complain(err, program.name, done.error());
  return static_cast<int>(done.error().exit);
}

}  // namespace rxf::cli
