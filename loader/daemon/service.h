// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <systemd/sd-event.h>

#include "loader/daemon/event_loop.h"
#include "loader/model/result.h"

namespace rxf::daemon {

// The loop of a systemd service: it sends the watchdog's notifications (sd_notify(3)), ends at SIGTERM and SIGINT, and
// calls `on_reload` with `self` at SIGHUP. The signals are blocked in the calling thread.
Result<LoopPtr> service_loop(sd_event_signal_handler_t on_reload, void* self);

// Runs it until it ends.
Result<void> serve(sd_event* loop);

// Tells systemd (Type=notify-reload) that what READY=1 ends has begun.
void tell_reloading();

}  // namespace rxf::daemon
