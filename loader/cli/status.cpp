// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "loader/cli/prometheus.h"
#include "loader/cli/quit_signals.h"
#include "loader/cli/render.h"
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

using mirror::LowerdevStatus;
using Clock = std::chrono::steady_clock;

struct Options {
  std::optional<std::string> device;  // absent: every attached one
  std::optional<std::string> watch;   // seconds; empty: the usual
  bool prometheus = false;
};

constexpr const char* kUsualSeconds = "1";
constexpr double kShortestSeconds = 0.1;
constexpr double kLongestSeconds = 3600;
constexpr const char* kHomeAndClear = "\033[H\033[J";

void setup(CLI::App& app, Options& options) {
  add_text(app, "DEV", options.device, "Lower device; without it, every attached one of this network namespace")
      ->option_text(" ");
  auto* watch = app.add_option_function<std::vector<std::string>>(
      "--watch", [&options](const std::vector<std::string>& value) { options.watch = value.empty() ? "" : value[0]; },
      "Look again every so many seconds, 0.1 to 3600, with packets a second, until interrupted; default: " +
          std::string(kUsualSeconds));
  watch->expected(0, 1)->allow_extra_args(false)->option_text("[SECONDS]");
  app.add_flag("--prometheus", options.prometheus, "Answer in the text format of Prometheus, for node_exporter")
      ->excludes(watch);
}

// "status --watch eth2": what follows is optional, and need not be for --watch.
void sort_out_device(Options& options) {
  if (!options.watch || options.device) return;
  const bool is_number =
      !options.watch->empty() && options.watch->find_first_not_of("0123456789.") == std::string::npos;
  if (is_number || options.watch->empty()) return;
  options.device = std::exchange(options.watch, "");
}

Result<double> interval_of(const std::string& text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || !(seconds >= kShortestSeconds) ||
      seconds > kLongestSeconds)
    return usage_error("--watch: " + quote(text) + " is not a number of seconds from 0.1 to 3600");
  return seconds;
}

// What there is at one time.
struct Look {
  Clock::time_point time;
  std::vector<LowerdevStatus> devices;
  std::vector<mirror::Remains> remains;
  std::vector<mirror::Orphaned> orphaned;  // devices that are not attached
  Result<void> done;                       // an error of one among several
};

Result<Look> look_at_one(const std::string& device, const Session& session) {
  if (const Result<void> named = check_device_name(device); !named) return std::unexpected(named.error());
  Look look{.time = Clock::now()};
  Result<LowerdevStatus> status = session.operations.status(session.context, device);
  if (status) {
    look.devices.push_back(std::move(*status));
    return look;
  }
  if (status.error().exit != Exit::not_attached) return std::unexpected(status.error());
  const auto orphaned = session.operations.orphaned_device(session.context, device);
  if (!orphaned || !*orphaned) return std::unexpected(status.error());
  look.orphaned.push_back(**orphaned);
  look.done = std::unexpected(status.error());
  return look;
}

Result<Look> look_at_all(const Session& session) {
  const Result<std::vector<std::string>> devices = session.operations.attached_devices(session.context);
  if (!devices) return std::unexpected(devices.error());
  Look look{.time = Clock::now()};
  look.done = for_each_device(session, *devices, [&](const std::string& device) -> Result<void> {
    Result<LowerdevStatus> status = session.operations.status(session.context, device);
    // Detached since it was listed: that is no error of this command.
    if (!status && status.error().exit == Exit::not_attached) return {};
    if (!status) return std::unexpected(status.error());
    look.devices.push_back(std::move(*status));
    return {};
  });
  Result<std::vector<mirror::Remains>> remains = session.operations.remains(session.context);
  if (!remains) return std::unexpected(remains.error());
  look.remains = std::move(*remains);
  Result<std::vector<mirror::Orphaned>> orphaned = session.operations.orphaned(session.context);
  if (!orphaned) return std::unexpected(orphaned.error());
  look.orphaned = std::move(*orphaned);
  std::erase_if(look.orphaned, [&](const mirror::Orphaned& one) {
    return std::ranges::find(look.devices, one.ifindex, &LowerdevStatus::ifindex) != look.devices.end();
  });
  return look;
}

Result<Look> look_at(const Options& options, const Session& session) {
  return options.device ? look_at_one(*options.device, session) : look_at_all(session);
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

Json orphaned_json(const mirror::Orphaned& orphaned) {
  return {{"device", orphaned.device},
          {"ifindex", orphaned.ifindex},
          {"attached", false},
          {"pinned", Json()},
          {"problems", orphaned.problems}};
}

std::string orphaned_text(const mirror::Orphaned& orphaned) {
  std::string text = printable(orphaned.device) + ": programs without pins\n";
  for (const std::string& problem : orphaned.problems) text += "  ! " + printable(problem) + "\n";
  return text;
}

// nullopt where the device was not there at the look before.
std::optional<StatusRates> rates_since(const std::optional<Look>& before, const Look& now,
                                       const LowerdevStatus& device) {
  if (!before) return std::nullopt;
  const auto found = std::ranges::find(before->devices, device.ifindex, &LowerdevStatus::ifindex);
  if (found == before->devices.end()) return std::nullopt;
  return rates_between(*found, device, std::chrono::duration<double>(now.time - before->time).count());
}

std::string text_of(const Look& look, const std::optional<Look>& before) {
  std::string text = look.devices.empty() && look.orphaned.empty() && look.done ? "no device is attached\n" : "";
  for (const LowerdevStatus& device : look.devices) {
    const auto rates = rates_since(before, look, device);
    text += status_text(device, rates ? &*rates : nullptr);
  }
  for (const mirror::Remains& remains : look.remains) text += remains_text(remains);
  for (const mirror::Orphaned& orphaned : look.orphaned) text += orphaned_text(orphaned);
  return text;
}

Json json_of(const Options& options, const Look& look, const std::optional<Look>& before) {
  Json answers = Json::array();
  for (const LowerdevStatus& device : look.devices) {
    const auto rates = rates_since(before, look, device);
    answers.push_back(options.watch ? to_watched_json(device, rates ? &*rates : nullptr) : to_json(device));
  }
  for (const mirror::Remains& remains : look.remains) answers.push_back(remains_json(remains));
  for (const mirror::Orphaned& orphaned : look.orphaned) answers.push_back(orphaned_json(orphaned));
  return options.device ? answers.front() : answers;
}

void show(const Options& options, const Session& session, const Look& look, const std::optional<Look>& before) {
  if (options.prometheus)
    session.out << prometheus_text(look.devices);
  else if (session.json)
    session.print(json_of(options, look, before));
  else
    session.out << text_of(look, before);
}

// Each after the other on a terminal's first line, else with a blank line between.
Result<void> watch(const Options& options, const Session& session) {
  const Result<double> seconds = interval_of(options.watch->empty() ? kUsualSeconds : *options.watch);
  if (!seconds) return std::unexpected(seconds.error());
  const auto quit = QuitSignals::catch_all();
  if (!quit) return std::unexpected(quit.error());
  const bool redraws = !session.json && session.operations.on_terminal();
  const auto interval = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(*seconds));
  std::optional<Look> before;
  for (auto next = Clock::now() + interval;; next += interval) {
    Result<Look> look = look_at(options, session);
    if (!look) return std::unexpected(look.error());
    if (!session.json) session.out << (redraws ? kHomeAndClear : before ? "\n" : "");
    show(options, session, *look, before);
    if (!session.out.flush()) return {};
    before = std::move(*look);
    next = std::max(next, Clock::now());
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    if (quit->wait(static_cast<int>(left))) return {};
  }
}

Result<void> run(const Options& given, const Session& session) {
  Options options = given;
  sort_out_device(options);
  if (options.prometheus && session.json) return usage_error("--prometheus is a format of its own: not with --json");
  if (options.watch) return watch(options, session);
  const Result<Look> look = look_at(options, session);
  if (!look) return std::unexpected(look.error());
  show(options, session, *look, std::nullopt);
  return look->done;
}

}  // namespace

Verb status_verb(CLI::App& root) {
  return make_verb<Options>(root, "status", "Show where and why frames are dropped, the uppers and the counters", setup,
                            run);
}

}  // namespace rxf::cli
