// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/service.h"

#include <signal.h>
#include <systemd/sd-daemon.h>

#include <cerrno>
#include <ctime>

namespace rxf::daemon {
namespace {

Result<void> check(int result, const char* what) { return result < 0 ? system_error(result, what) : Result<void>{}; }

// Without a handler of its own, a signal ends the loop.
Result<void> handle_signals(sd_event* loop, sd_event_signal_handler_t on_reload, void* self) {
  sigset_t handled;
  ::sigemptyset(&handled);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&handled, signal);
  if (::sigprocmask(SIG_BLOCK, &handled, nullptr) != 0) return system_error(errno, "block signals");
  for (const int signal : {SIGTERM, SIGINT})
    if (auto done = check(sd_event_add_signal(loop, nullptr, signal, nullptr, nullptr), "signals"); !done) return done;
  return check(sd_event_add_signal(loop, nullptr, SIGHUP, on_reload, self), "signals");
}

}  // namespace

Result<LoopPtr> service_loop(sd_event_signal_handler_t on_reload, void* self) {
  sd_event* made = nullptr;
  if (auto done = check(sd_event_new(&made), "event loop"); !done) return std::unexpected(done.error());
  LoopPtr loop(made);
  if (auto done = check(sd_event_set_watchdog(made, 1), "watchdog"); !done) return std::unexpected(done.error());
  if (auto done = handle_signals(made, on_reload, self); !done) return std::unexpected(done.error());
  return loop;
}

Result<void> serve(sd_event* loop) {
  const int ended = sd_event_loop(loop);
  ::sd_notify(0, "STOPPING=1");
  return check(ended, "event loop");
}

void tell_reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", now.tv_sec * 1'000'000LL + now.tv_nsec / 1'000);
}

}  // namespace rxf::daemon
