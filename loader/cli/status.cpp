// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render.h"
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

struct Options {
  std::optional<std::string> device;  // absent: every attached one
};

void setup(CLI::App& app, Options& options) {
  add_text(app, "DEV", options.device, "Lower device; without it, every attached one of this network namespace")
      ->option_text(" ");
}

Result<void> show_one(const std::string& device, const Session& session) {
  if (const Result<void> named = check_device_name(device); !named) return named;
  const Result<mirror::LowerdevStatus> status = session.operations.status(session.context, device);
  if (!status) return std::unexpected(status.error());
  if (session.json)
    session.print(to_json(*status));
  else
    session.out << status_text(*status);
  return {};
}

Json remains_json(const mirror::Remains& remains) {
  return {{"device", remains.device},
          {"ifindex", remains.ifindex},
          {"attached", false},
          {"pinned", remains.pin_directory},
          {"problems", {remains.problem}}};
}

std::string remains_text(const mirror::Remains& remains) {
  return printable(remains.device) + ": pins without a device\n  pinned at " + remains.pin_directory + "\n  ! " +
         printable(remains.problem) + "\n";
}

Result<void> show_all(const Session& session) {
  const Result<std::vector<std::string>> devices = session.operations.attached_devices(session.context);
  if (!devices) return std::unexpected(devices.error());
  Json answers = Json::array();
  std::string text;
  const Result<void> done = for_each_device(session, *devices, [&](const std::string& device) -> Result<void> {
    const Result<mirror::LowerdevStatus> status = session.operations.status(session.context, device);
    // Detached since it was listed: that is no error of this command.
    if (!status && status.error().exit == Exit::not_attached) return {};
    if (!status) return std::unexpected(status.error());
    answers.push_back(to_json(*status));
    text += status_text(*status);
    return {};
  });
  const Result<std::vector<mirror::Remains>> all_remains = session.operations.remains(session.context);
  if (!all_remains) return std::unexpected(all_remains.error());
  for (const mirror::Remains& remains : *all_remains) {
    answers.push_back(remains_json(remains));
    text += remains_text(remains);
  }
  if (session.json)
    session.print(answers);
  else
    session.out << (devices->empty() ? "no device is attached\n" : "") << text;
  return done;
}

Result<void> run(const Options& options, const Session& session) {
  return options.device ? show_one(*options.device, session) : show_all(session);
}

}  // namespace

Verb status_verb(CLI::App& root) {
  return make_verb<Options>(root, "status", "Show where and why frames are dropped, the uppers and the counters", setup,
                            run);
}

}  // namespace rxf::cli
