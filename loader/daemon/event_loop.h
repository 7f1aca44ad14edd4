// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <systemd/sd-event.h>

#include <memory>

namespace rxf::daemon {

struct UnrefLoop {
  void operator()(sd_event* loop) const { sd_event_unref(loop); }
};
using LoopPtr = std::unique_ptr<sd_event, UnrefLoop>;

// A source that is gone calls nobody.
struct DropSource {
  void operator()(sd_event_source* source) const { sd_event_source_disable_unref(source); }
};
using SourcePtr = std::unique_ptr<sd_event_source, DropSource>;

}  // namespace rxf::daemon
