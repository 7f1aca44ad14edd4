// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

struct Options {
  std::optional<std::string> device;
  bool all = false;
};

void setup(CLI::App& app, Options& options) {
  add_text(app, "DEV", options.device, "Lower device")->option_text(" ");
  app.add_flag("--all", options.all,
               "Every attached device of this network namespace, the pins of devices that are gone, and programs whose "
               "pins are gone");
}

Result<Json> detach_one(const std::string& device, const Session& session) {
  const Result<mirror::Report> report = session.operations.detach(session.context, device);
  if (!report) return std::unexpected(report.error());
  if (!report->changed && !session.json) session.out << printable(device) << ": not attached\n";
  session.notes(report->notes);
  return Json{{"device", device}, {"changed", report->changed}};
}

Result<void> detach_all(const Session& session) {
  const Result<std::vector<std::string>> devices = session.operations.attached_devices(session.context);
  if (!devices) return std::unexpected(devices.error());
  Json answers = Json::array();
  const Result<void> done = for_each_device(session, *devices, [&](const std::string& device) -> Result<void> {
    const Result<Json> answer = detach_one(device, session);
    if (!answer) return std::unexpected(answer.error());
    answers.push_back(*answer);
    return {};
  });
  const Result<std::vector<mirror::Remains>> all_remains = session.operations.remains(session.context);
  if (!all_remains) return std::unexpected(all_remains.error());
  Result<void> removed;
  for (const mirror::Remains& remains : *all_remains) {
    const Result<mirror::Report> report = session.operations.remove_remains(remains.pin_directory);
    if (!report && removed) removed = std::unexpected(report.error());
    if (!report) continue;
    session.notes(report->notes);
    answers.push_back({{"device", remains.device}, {"pinned", remains.pin_directory}, {"changed", report->changed}});
  }
  const Result<mirror::Report> orphans = session.operations.remove_all_orphans(session.context);
  if (!orphans && removed) removed = std::unexpected(orphans.error());
  if (orphans) session.notes(orphans->notes);
  if (session.json)
    session.print(answers);
  else if (devices->empty())
    session.out << "no device is attached\n";
  return done ? removed : done;
}

Result<void> run(const Options& options, const Session& session) {
  if (options.all && options.device) return usage_error("detach: give DEV or --all, not both");
  if (options.all) return detach_all(session);
  if (!options.device) return usage_error("detach: give DEV or --all");

  if (const Result<void> named = check_device_name(*options.device); !named) return named;
  const Result<Json> answer = detach_one(*options.device, session);
  if (!answer) return std::unexpected(answer.error());
  if (session.json) session.print(*answer);
  return {};
}

}  // namespace

Verb detach_verb(CLI::App& root) {
  return make_verb<Options>(root, "detach", "Stop filtering, and put back what attach and set changed", setup, run);
}

}  // namespace rxf::cli
