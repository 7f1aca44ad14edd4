// SPDX-License-Identifier: GPL-2.0-only
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "loader/cli/pcap_file.h"
#include "loader/cli/quit_signals.h"
#include "loader/cli/render_drop.h"
#include "loader/cli/text.h"
#include "loader/cli/verbs.h"

namespace rxf::cli {

namespace {

using mirror::DropListener;
using mirror::DroppedFrame;
using Clock = std::chrono::steady_clock;

struct Options {
  std::optional<std::string> device;  // absent: every attached one
  std::optional<std::uint64_t> count;
  std::optional<std::string> pcap;
  std::uint64_t rate = mirror::kUsualDropRate;
};

void setup(CLI::App& app, Options& options) {
  add_text(app, "DEV", options.device, "Lower device; without it, every attached one of this network namespace")
      ->option_text(" ");
  app.add_option("--count", options.count, "End after so many frames")
      ->check(CLI::Range(std::uint64_t{1}, UINT64_MAX).description(""))
      ->option_text("N");
  app.add_option("--rate", options.rate,
                 "Show at most so many frames a second; default: " + std::to_string(options.rate))
      ->check(CLI::Range(std::uint64_t{1}, mirror::kHighestDropRate).description(""))
      ->option_text("N");
  add_text(app, "--pcap", options.pcap, "Also write them to a capture file; - is standard output, and nothing else is")
      ->option_text("FILE");
}

std::uint64_t wall_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// Frame by frame, until enough of them have been shown.
class Show {
 public:
  Show(const Options& options, const Session& session) : options_(options), session_(session) {}

  Result<void> open();
  void put(const DroppedFrame& frame);
  Result<void> flush();
  [[nodiscard]] bool is_complete() const { return options_.count && shown_ >= *options_.count; }

 private:
  [[nodiscard]] bool has_lines() const { return options_.pcap != "-"; }

  const Options& options_;
  const Session& session_;
  std::optional<PcapFile> pcap_;
  std::uint64_t shown_ = 0;
};

Result<void> Show::open() {
  if (!options_.pcap) return {};
  auto file = PcapFile::create(*options_.pcap);
  if (!file) return std::unexpected(file.error());
  pcap_.emplace(std::move(*file));
  return {};
}

void Show::put(const DroppedFrame& frame) {
  if (is_complete()) return;
  ++shown_;
  const std::uint64_t time = wall_now() - (mirror::boot_now() - frame.time);
  if (pcap_) pcap_->put(frame, time);
  if (!has_lines()) return;
  if (session_.json)
    session_.print(to_json(frame, time));
  else
    session_.out << drop_text(frame, time);
}

Result<void> Show::flush() {
  session_.out.flush();
  return pcap_ ? pcap_->flush() : Result<void>{};
}

Result<std::vector<std::string>> devices_of(const Options& options, const Session& session) {
  if (options.device) {
    if (const Result<void> named = check_device_name(*options.device); !named) return std::unexpected(named.error());
    return std::vector{*options.device};
  }
  auto devices = session.operations.attached_devices(session.context);
  if (devices && devices->empty())
    return std::unexpected(Error{.text = "no device is attached", .exit = Exit::not_attached});
  return devices;
}

using Listeners = std::vector<DropListener>;

Result<Listeners> listen(const Options& options, const Session& session, Show& show) {
  const auto devices = devices_of(options, session);
  if (!devices) return std::unexpected(devices.error());
  Listeners listeners;
  for (const std::string& device : *devices) {
    auto listener = session.operations.listen(session.context, device, options.rate,
                                              [&show](const DroppedFrame& frame) { show.put(frame); });
    if (!listener) return std::unexpected(listener.error());
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

Result<void> renew(Listeners& listeners) {
  for (DropListener& listener : listeners)
    if (auto done = listener.renew(); !done) return done;
  return {};
}

Result<void> take(Listeners& listeners, Show& show) {
  for (DropListener& listener : listeners)
    if (auto done = listener.take(); !done) return done;
  return show.flush();
}

// What there is to wait for: a signal to quit, whoever reads our output going away, and dropped frames.
std::vector<pollfd> waited_for(const QuitSignals& quit, const Listeners& listeners) {
  std::vector<pollfd> fds = {{.fd = quit.fd(), .events = POLLIN}, {.fd = STDOUT_FILENO}};
  for (const DropListener& listener : listeners) fds.push_back({.fd = listener.fd(), .events = POLLIN});
  return fds;
}

Result<void> show_until_told(Listeners& listeners, Show& show, const QuitSignals& quit) {
  std::vector<pollfd> fds = waited_for(quit, listeners);
  for (auto renewal = Clock::now(); !show.is_complete();) {
    if (Clock::now() >= renewal) {
      if (auto done = renew(listeners); !done) return done;
      renewal = Clock::now() + std::chrono::milliseconds(mirror::kRenewDropsMs);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(renewal - Clock::now()).count();
    if (::poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(left, 0))) < 0 && errno != EINTR)
      return system_error(errno, "poll");
    if (fds[1].revents != 0) return {};
    if (auto done = take(listeners, show); !done) return done;
    if (fds[0].revents != 0) return {};
  }
  return {};
}

void tell_of_the_rest(const Listeners& listeners, const Options& options, const Session& session) {
  std::uint64_t untold = 0;
  for (const DropListener& listener : listeners) untold += listener.untold();
  if (untold != 0)
    session.note(std::to_string(untold) + (untold == 1 ? " more was" : " more were") +
                 " dropped and not shown: at most " + std::to_string(options.rate) + " a second are");
}

Result<void> run(const Options& options, const Session& session) {
  auto quit = QuitSignals::catch_all();
  if (!quit) return std::unexpected(quit.error());
  Show show(options, session);
  auto listeners = listen(options, session, show);
  if (!listeners) return std::unexpected(listeners.error());
  if (auto done = show.open(); !done) return done;
  const Result<void> done = show_until_told(*listeners, show, *quit);
  tell_of_the_rest(*listeners, options, session);
  return done;
}

}  // namespace

Verb drops_verb(CLI::App& root) {
  return make_verb<Options>(root, "drops", "Show dropped frames as they happen", setup, run);
}

}  // namespace rxf::cli
