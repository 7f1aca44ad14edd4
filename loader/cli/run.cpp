// SPDX-License-Identifier: GPL-2.0-only
#include <syslog.h>

#include "loader/cli/log_line.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

constexpr unsigned kLongestLook = 86'400;

// Each is absent, or empty, where it was not given.
struct Given {
  std::vector<std::string> devices;
  std::vector<std::string> allow;
  std::optional<std::string> group;
  std::optional<unsigned> look;
};

struct Options {
  std::optional<std::string> file;
  Given flags;
};

// The same options for the command line and for the file, where they stand without the dashes.
void setup_settings(CLI::App& app, Given& given) {
  app.add_option("--attach", given.devices, "Lower devices to attach whenever they are there")->option_text("DEV,...");
  app.add_option("--allow", given.allow,
                 "Who may set the filter set of an upper, beside root: USER or @GROUP; * is any upper")
      ->option_text("UPPER=WHO,...");
  add_text(app, "--group", given.group, "The group that may connect to the API socket; default: root alone")
      ->option_text("GROUP");
  app.add_option("--look", given.look, "Seconds between two looks at what the kernel tells nobody of; default: 60")
      ->check(CLI::Range(1U, kLongestLook).description(""))
      ->option_text("SECONDS");
  for (const char* list : {"--attach", "--allow"})
    app.get_option(list)->delimiter(',')->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void setup(CLI::App& app, Options& options) {
  add_text(app, "--config", options.file, "Read these options from a file too (TOML or INI); flags come first")
      ->option_text("FILE");
  setup_settings(app, options.flags);
}

Result<Given> read_file(const std::string& path) {
  CLI::App file{"settings"};
  Given given;
  setup_settings(file, given);
  file.allow_config_extras(CLI::config_extras_mode::error);
  file.set_config("--config", path, "", true);
  try {
    file.parse(std::vector<std::string>{});
  } catch (const CLI::ParseError& error) {
    return usage_error("run: " + path + ": " + error.what());
  }
  return given;
}

void fill_in(Given& given, const Given& from_file) {
  if (given.devices.empty()) given.devices = from_file.devices;
  if (given.allow.empty()) given.allow = from_file.allow;
  if (!given.group) given.group = from_file.group;
  if (!given.look) given.look = from_file.look;
}

Result<daemon::Settings> settings_of(const Options& options) {
  Given given = options.flags;
  if (options.file) {
    const Result<Given> from_file = read_file(*options.file);
    if (!from_file) return std::unexpected(from_file.error());
    fill_in(given, *from_file);
  }
  daemon::Settings settings{.devices = given.devices, .group = given.group, .allow = given.allow};
  if (given.look) settings.look = std::chrono::seconds(*given.look);
  for (const std::string& device : settings.devices)
    if (const Result<void> named = check_device_name(device); !named) return std::unexpected(named.error());
  return settings;
}

Result<void> run(const Options& options, const Session& session) {
  return session.operations.run({.context = session.context,
                                 .api = session.api,
                                 .settings = [&options] { return settings_of(options); },
                                 .log =
                                     [&session](int priority, const std::string& line) {
                                       if (priority < LOG_INFO || session.verbose)
                                         session.err << log_line(priority, "rxfilter-loader", line) << std::endl;
                                     }});
}

}  // namespace

Verb run_verb(CLI::App& root) {
  return make_verb<Options>(root, "run", "Keep every attached device in step, and serve the API socket", setup, run);
}

}  // namespace rxf::cli
