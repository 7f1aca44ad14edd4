// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "loader/daemon/event_loop.h"
#include "loader/datapath/pin_directory.h"
#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::daemon {

// Hears of what happens in the directory of all pins (inotify(7)), and goes on where that is removed, replaced or
// moved, or where a bpffs is mounted over it or taken away: it always watches the directory that has the name, which it
// makes where there is none.
class PinWatch {
 public:
  struct Told {
    std::function<void(std::uint32_t event, const std::string& name)> event;  // IN_*, and the directory's name
    std::function<void()> read;                                               // after each batch of these
    std::function<void()> other_root;               // the directory is another one than before
    std::function<void(const Error& error)> fault;  // there is none that could be watched
  };

  // Error where the directory cannot be watched at first.
  static Result<std::unique_ptr<PinWatch>> create(sd_event* loop, std::string bpffs, Told told);
  PinWatch(const PinWatch&) = delete;
  PinWatch& operator=(const PinWatch&) = delete;
  ~PinWatch() = default;

  // Looks which directory has the name now, as it does by itself when it hears of a change.
  void look();

 private:
  using Identity = std::pair<dev_t, ino_t>;

  PinWatch(std::string bpffs, Told told)
      : bpffs_(std::move(bpffs)), root_(datapath::pin_root(bpffs_)), told_(std::move(told)) {}
  Result<void> open(sd_event* loop);
  Result<bool> renew();
  Result<bool> watch(int& watch, Identity& watched, const Fd& directory, std::uint32_t events);
  void read();
  void hear(int watch, std::uint32_t event, const std::string& name);

  static int on_event(sd_event_source* source, int fd, std::uint32_t events, void* self);
  static int on_mount(sd_event_source* source, int fd, std::uint32_t events, void* self);

  std::string bpffs_;
  std::string root_;
  Told told_;
  Fd inotify_;
  Fd mounts_;  // /proc/self/mountinfo, which tells of changes by poll(2)
  int root_watch_ = -1;
  int bpffs_watch_ = -1;
  Identity watched_root_{};
  Identity watched_bpffs_{};
  bool moved_ = false;  // or removed, or made
  SourcePtr events_source_;
  SourcePtr mounts_source_;
};

}  // namespace rxf::daemon
