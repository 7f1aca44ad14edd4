// SPDX-License-Identifier: GPL-2.0-only
#include <array>
#include <ctime>
#include <map>

#include "loader/cli/render.h"
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

using mirror::AttachMode;

struct Options {
  std::string device;
  std::string mode;  // empty: as before, or auto
  bool dry_run = false;
  bool shadow = false;
  bool enforce = false;
  std::optional<unsigned> confirm;  // seconds
};

constexpr unsigned kLongestConfirm = 3600;
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

const std::map<std::string, AttachMode>& modes() {
  static const std::map<std::string, AttachMode> kModes = {{"auto", AttachMode::auto_},
                                                           {"native", AttachMode::native},
                                                           {"generic", AttachMode::generic},
                                                           {"tc", AttachMode::tc}};
  return kModes;
}

void setup(CLI::App& app, Options& options) {
  app.add_option("DEV", options.device, "Lower device: the one under the macvlans or macvtaps")
      ->required()
      ->option_text(" ");
  app.add_option("--mode", options.mode,
                 "Where to drop early: auto, native or generic (XDP), tc; default: as before, or auto")
      ->check(CLI::IsMember({"auto", "native", "generic", "tc"}).description(""))
      ->option_text("MODE");
  app.add_flag("--shadow", options.shadow, "Count what would be dropped and drop nothing, until --enforce")
      ->disable_flag_override();
  app.add_flag("--enforce", options.enforce, "Drop, after --shadow; default: as before, or --enforce")
      ->disable_flag_override();
  app.add_option("--confirm", options.confirm,
                 "Undo all this in so many seconds, 1 to 3600, unless attach without --confirm comes before")
      ->check(CLI::Range(1U, kLongestConfirm).description(""))
      ->option_text("SECONDS");
  app.add_flag("--dry-run", options.dry_run, "Say what attach would do, and change nothing");
}

void print_answer(const mirror::AttachResult& result, const Options& options, const Session& session) {
  if (session.json) {
    Json answer = to_json(result.status);
    answer["changed"] = (result.report.changed || result.confirmed) && !options.dry_run;
    answer["confirmed"] = result.confirmed;
    session.print(answer);
    return;
  }
  if (result.confirmed) session.out << printable(options.device) << ": confirmed\n";
  if (result.report.changed || options.dry_run)
    session.out << attachment_text(result.status, options.dry_run);
  else
    session.out << (result.confirmed ? "" : printable(options.device) + ": already attached\n")
                << arming_text(result.status);
}

std::string time_of_day(std::uint64_t seconds_from_now) {
  const std::time_t time = std::time(nullptr) + static_cast<std::time_t>(seconds_from_now);
  std::tm parts{};
  std::array<char, sizeof("00:00:00")> text{};
  std::strftime(text.data(), text.size(), "%H:%M:%S", ::localtime_r(&time, &parts));
  return text.data();
}

void say_next_step(const mirror::LowerdevStatus& status, const Options& options, const Session& session) {
  const std::string attach = "rxfilter-loader attach " + options.device;
  if (options.dry_run) return;
  if (status.shadow) session.note("in shadow, nothing is dropped: " + attach + " --enforce ends that");
  if (status.confirm)
    session.note("undone at " + time_of_day(status.confirm->seconds_left) + " unless confirmed by then: " + attach);
}

Result<mirror::AttachResult> attach(const Options& options, const mirror::AttachOptions& wanted,
                                    const Session& session) {
  if (wanted.confirm_by == 0 || wanted.dry_run)
    return session.operations.attach(session.context, options.device, wanted);
  const auto end_watcher = session.operations.watch(session.context, options.device, wanted.confirm_by);
  if (!end_watcher) return wrap(end_watcher.error(), "attach " + options.device);
  auto result = session.operations.attach(session.context, options.device, wanted);
  if (!result) (*end_watcher)();
  return result;
}

Result<void> run(const Options& options, const Session& session) {
  if (const Result<void> named = check_device_name(options.device); !named) return named;
  if (options.shadow && options.enforce) return usage_error("attach: give --shadow or --enforce, not both");
  mirror::AttachOptions wanted{.dry_run = options.dry_run};
  if (options.shadow || options.enforce) wanted.shadow = options.shadow;
  if (options.confirm) wanted.confirm_by = mirror::boot_now() + *options.confirm * kNanosecondsPerSecond;
  if (!options.mode.empty()) wanted.mode = modes().at(options.mode);

  const Result<mirror::AttachResult> result = attach(options, wanted, session);
  if (!result) return std::unexpected(result.error());
  print_answer(*result, options, session);
  session.notes(result->report.notes);
  say_next_step(result->status, options, session);
  return {};
}

}  // namespace

Verb attach_verb(CLI::App& root) {
  return make_verb<Options>(root, "attach", "Start filtering on a lower device", setup, run);
}

}  // namespace rxf::cli
