// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/pin_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "loader/datapath/pin_directory.h"
#include "loader/datapath/pin_trust.h"

namespace rxf::daemon {
namespace {

constexpr const char* kRootName = "rxfilter";
constexpr std::uint32_t kMade = IN_CREATE | IN_MOVED_TO;
constexpr std::uint32_t kGone = IN_DELETE | IN_MOVED_FROM;
// Who attaches keeps the directory open, as a lock, until all is done.
constexpr std::uint32_t kRootEvents = kMade | kGone | IN_CLOSE_NOWRITE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kBpffsEvents = kMade | kGone;

// Of a watch that has ended, or whose directory has gone elsewhere.
constexpr std::uint32_t kEnded = IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT;

}  // namespace

Result<std::unique_ptr<PinWatch>> PinWatch::create(sd_event* loop, std::string bpffs, Told told) {
  std::unique_ptr<PinWatch> watch(new PinWatch(std::move(bpffs), std::move(told)));
  if (auto done = watch->open(loop); !done) return std::unexpected(done.error());
  return watch;
}

Result<void> PinWatch::open(sd_event* loop) {
  inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return system_error(errno, "inotify");
  mounts_ = Fd(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!mounts_) return system_error(errno, "/proc/self/mountinfo");
  if (const auto renewed = renew(); !renewed) return std::unexpected(renewed.error());
  sd_event_source* events = nullptr;
  sd_event_source* mounts = nullptr;
  const int results[] = {sd_event_add_io(loop, &events, inotify_.get(), EPOLLIN, on_event, this),
                         sd_event_add_io(loop, &mounts, mounts_.get(), EPOLLPRI, on_mount, this)};
  events_source_.reset(events);
  mounts_source_.reset(mounts);
  for (const int result : results)
    if (result < 0) return system_error(result, "event loop");
  return {};
}

// Returns whether it is another directory than before.
Result<bool> PinWatch::watch(int& watch, Identity& watched, const Fd& directory, std::uint32_t events) {
  struct stat info {};
  if (::fstat(directory.get(), &info) != 0) return system_error(errno, "watch " + root_);
  const Identity now{info.st_dev, info.st_ino};
  if (watch >= 0 && watched == now) return false;
  if (watch >= 0) ::inotify_rm_watch(inotify_.get(), watch);
  const std::string path = "/proc/self/fd/" + std::to_string(directory.get());
  watch = ::inotify_add_watch(inotify_.get(), path.c_str(), events);
  if (watch < 0) return system_error(errno, "watch " + root_);
  watched = now;
  return true;
}

// The one above is watched first, so that nothing falls between.
Result<bool> PinWatch::renew() {
  if (auto there = datapath::check_bpffs(bpffs_, true); !there) return std::unexpected(there.error());
  const Fd bpffs(::open(bpffs_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!bpffs) return system_error(errno, "open " + bpffs_);
  const auto above = watch(bpffs_watch_, watched_bpffs_, bpffs, kBpffsEvents);
  if (!above) return above;
  const auto root = datapath::make_trusted_root(root_);
  if (!root) return std::unexpected(root.error());
  return watch(root_watch_, watched_root_, *root, kRootEvents);
}

void PinWatch::look() {
  moved_ = false;
  const auto renewed = renew();
  if (!renewed) return told_.fault(renewed.error());
  if (*renewed) told_.other_root();
}

void PinWatch::hear(int watch, std::uint32_t event, const std::string& name) {
  if (watch == bpffs_watch_) {
    if ((event & kEnded) != 0) bpffs_watch_ = -1;
    moved_ = moved_ || (event & kEnded) != 0 || name == kRootName;
    return;
  }
  if (watch != root_watch_) return;
  if ((event & kEnded) == 0) return told_.event(event, name);
  // The watch of a directory that was moved goes with it.
  if ((event & IN_MOVE_SELF) != 0) ::inotify_rm_watch(inotify_.get(), root_watch_);
  root_watch_ = -1;
  moved_ = true;
}

void PinWatch::read() {
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (ssize_t size = 0; (size = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      const auto* event = static_cast<const inotify_event*>(static_cast<const void*>(&buffer[at]));
      at += sizeof(inotify_event) + event->len;
      hear(event->wd, event->mask, event->len == 0 ? "" : event->name);
    }
  }
  told_.read();
  if (moved_) look();
}

int PinWatch::on_event(sd_event_source* /*source*/, int /*fd*/, std::uint32_t /*events*/, void* self) {
  static_cast<PinWatch*>(self)->read();
  return 0;
}

int PinWatch::on_mount(sd_event_source* /*source*/, int /*fd*/, std::uint32_t /*events*/, void* self) {
  static_cast<PinWatch*>(self)->look();
  return 0;
}

}  // namespace rxf::daemon
