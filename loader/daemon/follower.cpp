// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/follower.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "loader/datapath/kernel_types.h"
#include "loader/datapath/pin_directory.h"
#include "loader/datapath/pin_identity.h"
#include "loader/datapath/tc_filter.h"
#include "loader/mirror/remains.h"
#include "loader/netlink/socket.h"

namespace rxf::daemon {
namespace {

constexpr std::uint64_t kPauseMicroseconds = 2'000;
constexpr std::uint64_t kPauseAccuracy = 500;
constexpr std::uint64_t kTcPauseMicroseconds = 10'000;
// A look need not be on time: the kernel may do it together with other wake-ups.
constexpr std::uint64_t kLookAccuracy = 5'000'000;

// The members are called by C: `self` is the Follower.
template <auto member>
int on_fd(sd_event_source* /*source*/, int /*fd*/, std::uint32_t /*events*/, void* self) {
  (static_cast<Follower*>(self)->*member)();
  return 0;
}
template <auto member>
int on_time(sd_event_source* /*source*/, std::uint64_t /*time*/, void* self) {
  (static_cast<Follower*>(self)->*member)();
  return 0;
}
template <auto member>
int on_turn(sd_event_source* /*source*/, void* self) {
  (static_cast<Follower*>(self)->*member)();
  return 0;
}

std::string name_of(const mirror::Remains& left) { return std::filesystem::path(left.pin_directory).filename(); }

Result<void> check(int result, const char* what) { return result < 0 ? system_error(result, what) : Result<void>{}; }

}  // namespace

Follower::Follower(sd_event* loop, Options options, Told told, netlink::LinkMonitor monitor)
    : loop_(loop), options_(std::move(options)), told_(std::move(told)), monitor_(std::move(monitor)) {}

// The monitor is there before the first look, so that nothing falls between.
Result<std::unique_ptr<Follower>> Follower::create(sd_event* loop, Options options, Told told) {
  auto monitor = netlink::LinkMonitor::open(datapath::rx_filter_attribute());
  if (!monitor) return std::unexpected(monitor.error());
  std::unique_ptr<Follower> follower(new Follower(loop, std::move(options), std::move(told), std::move(*monitor)));
  if (auto done = follower->watch_pins(); !done) return std::unexpected(done.error());
  if (auto done = follower->add_sources(); !done) return std::unexpected(done.error());
  follower->begin_anew(follower->options_);
  return follower;
}

Result<void> Follower::watch_pins() {
  auto pins =
      PinWatch::create(loop_, options_.context.bpffs,
                       {.event = [this](std::uint32_t event, const std::string& name) { hear_of_pins(event, name); },
                        .read =
                            [this] {
                              if (pins_changed_) start_pause();
                            },
                        .other_root = [this] { hear_of_other_root(); },
                        .fault = [this](const Error& error) { note_problem("pins", error); }});
  if (!pins) return std::unexpected(pins.error());
  pins_ = std::move(*pins);
  return {};
}

Result<void> Follower::add_sources() {
  auto undo_timer = UndoTimer::create(loop_, [this](std::uint32_t lower, std::uint64_t confirm_by) {
    overdue_[lower] = confirm_by;
    start_pause();
  });
  if (!undo_timer) return std::unexpected(undo_timer.error());
  undo_timer_ = std::move(*undo_timer);
  sd_event_source* links = nullptr;
  sd_event_source* pause = nullptr;
  sd_event_source* tc_pause = nullptr;
  sd_event_source* turn = nullptr;
  sd_event_source* look = nullptr;
  const int results[] = {
      sd_event_add_io(loop_, &links, monitor_.fd(), EPOLLIN, on_fd<&Follower::read_links>, this),
      sd_event_add_time_relative(loop_, &pause, CLOCK_MONOTONIC, 0, kPauseAccuracy, on_time<&Follower::begin_work>,
                                 this),
      sd_event_add_time_relative(loop_, &tc_pause, CLOCK_MONOTONIC, 0, kPauseAccuracy,
                                 on_time<&Follower::mark_tc_changed>, this),
      sd_event_add_defer(loop_, &turn, on_turn<&Follower::work>, this),
      sd_event_add_time_relative(loop_, &look, CLOCK_MONOTONIC, 0, kLookAccuracy, on_time<&Follower::look>, this)};
  links_source_.reset(links);
  pause_.reset(pause);
  tc_pause_.reset(tc_pause);
  turn_.reset(turn);
  look_.reset(look);
  for (const int result : results)
    if (auto done = check(result, "event loop"); !done) return done;
  sd_event_source_set_enabled(pause, SD_EVENT_OFF);
  sd_event_source_set_enabled(tc_pause, SD_EVENT_OFF);
  sd_event_source_set_enabled(turn, SD_EVENT_OFF);
  sd_event_source_set_enabled(look, SD_EVENT_OFF);
  return {};
}

// Devices that went while nobody looked are among the remains.
void Follower::begin_anew(Options options) {
  options_ = std::move(options);
  tried_.clear();
  if (const auto remains = mirror::remains(options_.context))
    for (const mirror::Remains& left : *remains)
      if (left.was_attached) returning_.try_emplace(left.device, *left.was_attached, name_of(left));
  attached_.clear();
  find_attached();
  mark_all(true);
  await_all();
  // There may be much to do, and nothing of it is waited for.
  sd_event_source_set_priority(turn_.get(), SD_EVENT_PRIORITY_IDLE);
  begin_work();
  look();
}

// They may be there already.
void Follower::await_all() {
  for (const std::string& name : options_.kept) arrived_.insert(name);
  for (const auto& [name, device] : returning_) arrived_.insert(name);
}

void Follower::read_links() {
  hear_links();
  take_heard();
}

// What may follow from it, besides that an upper is gone, has to wait until nobody is at work.
void Follower::hear_links() {
  for (bool more = true; more;) {
    auto heard = monitor_.read();
    more = heard && heard->more;
    if (!heard || heard->overrun) {
      missed_ = true;
      followed_.clear();
    }
    if (!heard) return note_problem("rtnetlink", heard.error());
    for (const netlink::LinkEvent& event : heard->events) {
      if (!event.gone) continue;
      followed_.erase(event.link.ifindex);
      gone_.insert(event.link.ifindex);
    }
    heard_.push_back(std::move(*heard));
  }
}

void Follower::take_heard() {
  bool overrun = false;
  for (const auto& heard : std::exchange(heard_, {})) {
    for (const netlink::LinkEvent& event : heard.events) hear(event);
    for (const netlink::TcEvent& event : heard.tc) hear_of_tc(event);
    overrun = overrun || heard.overrun;
  }
  if (!overrun) return;
  pins_changed_ = true;
  await_all();
  mark_all(false);
  start_pause();
}

std::set<std::uint32_t> Follower::followed() {
  hear_links();
  start_pause();
  std::set<std::uint32_t> uppers;
  for (const auto& [upper, lower] : followed_) uppers.insert(upper);
  return uppers;
}

void Follower::hear(const netlink::LinkEvent& event) {
  hear_of_lower(event);
  if (event.link.is_upper() || event.link.vlan || event.link.service_vlan) hear_of_upper(event);
}

void Follower::hear_of_upper(const netlink::LinkEvent& event) {
  const std::uint32_t lower = event.link.lower.value_or(0);
  const bool followed = attached_.contains(lower);
  if (event.rx_filter && !event.gone) {
    if (followed)
      set_[event.link.ifindex] = lower;
    else
      told_.set(event.link.ifindex);
  }
  if (!followed) return;
  if (event.moved) moved_[event.link.ifindex] = lower;
  mark(lower, false);
}

void Follower::hear_of_lower(const netlink::LinkEvent& event) {
  const netlink::Link& link = event.link;
  const auto known = attached_.find(link.ifindex);
  if (known != attached_.end() && event.gone) {
    returning_[link.name] = {.mode = known->second.mode, .pins = known->second.pins};
    noted_.erase(known->second.name);
    marked_.erase(link.ifindex);
    attached_.erase(known);
    return;
  }
  if (known != attached_.end()) {
    known->second.name = link.name;
    return mark(link.ifindex, false);
  }
  if (event.gone) return;
  const auto tried = tried_.find(link.name);
  const bool is_new = tried == tried_.end() || tried->second != link.ifindex;
  if (!returning_.contains(link.name) && !(is_kept(link.name) && is_new)) return;
  arrived_.insert(link.name);
  start_pause();
}

// Filters that can be none of ours, nor in the place of one, are nobody's business here.
void Follower::hear_of_tc(const netlink::TcEvent& event) {
  if (event.priority != 0 && !datapath::is_tc_priority(event.priority)) return;
  tc_changed_.insert(event.ifindex);
  int pause = SD_EVENT_OFF;
  sd_event_source_get_enabled(tc_pause_.get(), &pause);
  if (pause != SD_EVENT_OFF) return;
  sd_event_source_set_time_relative(tc_pause_.get(), kTcPauseMicroseconds);
  sd_event_source_set_enabled(tc_pause_.get(), SD_EVENT_ONESHOT);
}

// What we change there ourselves is heard of, too: a follow that changes nothing ends it.
void Follower::mark_tc_changed() {
  for (const std::uint32_t ifindex : std::exchange(tc_changed_, {}))
    if (const std::uint32_t lower = lower_of(ifindex); attached_.contains(lower)) mark(lower, false);
}

// The lower device of an upper; any other device's own ifindex, also of one that is gone.
std::uint32_t Follower::lower_of(std::uint32_t ifindex) const {
  if (const auto upper = followed_.find(ifindex); upper != followed_.end()) return upper->second;
  if (attached_.contains(ifindex)) return ifindex;
  auto socket = netlink::Socket::open();
  const auto link = socket ? netlink::link_by_index(*socket, ifindex) : std::unexpected(socket.error());
  return link && link->is_upper() ? link->lower.value_or(ifindex) : ifindex;
}

// What is in it may be just being made, which was not heard of.
void Follower::hear_of_other_root() {
  if (const auto directories = datapath::pin_directories(datapath::pin_root(options_.context.bpffs)))
    for (const std::string& path : *directories)
      if (const auto identity = datapath::pin_identity(path); !identity || identity->abi == 0)
        being_made_.insert(std::filesystem::path(path).filename());
  pins_changed_ = true;
  start_pause();
}

// A directory is opened by whoever looks at it, us too: that it is let go is news only while it is made.
void Follower::hear_of_pins(std::uint32_t event, const std::string& name) {
  if ((event & (IN_CREATE | IN_MOVED_TO)) != 0) being_made_.insert(name);
  if ((event & (IN_DELETE | IN_MOVED_FROM)) != 0) being_made_.erase(name);
  if ((event & IN_CLOSE_NOWRITE) != 0 && !being_made_.contains(name)) return hear_of_deadline(name);
  pins_changed_ = true;
}

// Whoever has changed it had the directory open, as a lock. That somebody may have looked only costs one more look.
void Follower::hear_of_deadline(const std::string& pins) {
  for (auto& [lower, device] : attached_) {
    if (device.pins != pins) continue;
    device.confirm_by = mirror::confirm_by_of(options_.context, pins);
    undo_timer_->await(lower, device.confirm_by);
  }
}

void Follower::mark(std::uint32_t lower, bool refresh) {
  marked_[lower] = refresh || marked_[lower];
  start_pause();
}

void Follower::mark_all(bool refresh) {
  for (const auto& [lower, device] : attached_) mark(lower, refresh);
}

void Follower::look() {
  pins_->look();
  pins_changed_ = true;
  mark_all(false);
  try_again();
  start_pause();
  const auto next = std::chrono::duration_cast<std::chrono::microseconds>(options_.look).count();
  sd_event_source_set_time_relative(look_.get(), static_cast<std::uint64_t>(next));
  sd_event_source_set_enabled(look_.get(), SD_EVENT_ONESHOT);
}

// What could not be attached when it came.
void Follower::try_again() {
  for (const auto& [device, problem] : problems_)
    if (returning_.contains(device) || is_kept(device)) arrived_.insert(device);
}

bool Follower::is_kept(const std::string& device) const {
  return std::ranges::find(options_.kept, device) != options_.kept.end();
}

void Follower::start_pause() {
  int turn = SD_EVENT_OFF;
  int pause = SD_EVENT_OFF;
  sd_event_source_get_enabled(turn_.get(), &turn);
  sd_event_source_get_enabled(pause_.get(), &pause);
  if (turn != SD_EVENT_OFF || pause != SD_EVENT_OFF) return;
  sd_event_source_set_time_relative(pause_.get(), kPauseMicroseconds);
  sd_event_source_set_enabled(pause_.get(), SD_EVENT_ONESHOT);
}

void Follower::begin_work() { sd_event_source_set_enabled(turn_.get(), SD_EVENT_ON); }

// One thing at a time: whoever else waits for the loop has their turn between.
void Follower::work() {
  take_heard();
  if (std::exchange(pins_changed_, false)) return find_attached();
  if (!overdue_.empty()) {
    const auto overdue = overdue_.extract(overdue_.begin());
    return undo(overdue.key(), overdue.mapped());
  }
  if (!arrived_.empty()) return attach(arrived_.extract(arrived_.begin()).value());
  if (!marked_.empty()) {
    const auto marked = marked_.extract(marked_.begin());
    return follow(marked.key(), marked.mapped());
  }
  sd_event_source_set_enabled(turn_.get(), SD_EVENT_OFF);
  sd_event_source_set_priority(turn_.get(), SD_EVENT_PRIORITY_NORMAL);
  told_.in_step(attached_.size());
}

// Those that are new here were brought in step by who attached them; what they heard since is not known.
void Follower::find_attached() {
  const auto devices = mirror::attached(options_.context);
  if (!devices) return note_problem("pins", devices.error());
  end_problem("pins");
  std::map<std::uint32_t, mirror::Attached> now;
  for (const mirror::Attached& device : *devices) {
    if (!attached_.contains(device.ifindex)) mark(device.ifindex, false);
    being_made_.erase(device.pins);
    now.emplace(device.ifindex, device);
    returning_.erase(device.name);
  }
  attached_ = std::move(now);
  std::map<std::uint32_t, std::uint64_t> deadlines;
  for (const auto& [lower, device] : attached_)
    if (device.confirm_by != 0) deadlines[lower] = device.confirm_by;
  undo_timer_->await(deadlines);
  forget_detached();
}

// The process that the attach has left behind may do it at the same time: whoever comes second finds nothing to do.
void Follower::undo(std::uint32_t lower, std::uint64_t confirm_by) {
  const auto device = attached_.find(lower);
  const std::string name = device == attached_.end() ? "ifindex " + std::to_string(lower) : device->second.name;
  const auto done = mirror::undo_unconfirmed(options_.context, {.ifindex = lower}, confirm_by);
  if (!done) {
    undo_timer_->try_again(lower);
    return note_problem(name, done.error());
  }
  if (!done->changed) return;
  end_problem(name);
  told_.note(name, "the attach was not confirmed in time: undone");
  pins_changed_ = true;
}

// Whose pins somebody removed is not to be attached when it returns.
void Follower::forget_detached() {
  if (returning_.empty()) return;
  const auto remains = mirror::remains(options_.context);
  if (!remains) return;
  std::erase_if(returning_, [&](const auto& device) {
    return std::ranges::none_of(*remains, [&](const mirror::Remains& left) {
      return left.was_attached && name_of(left) == device.second.pins;
    });
  });
}

void Follower::attach(const std::string& name) {
  auto socket = netlink::Socket::open();
  const auto link = socket ? netlink::link_by_name(*socket, name) : std::unexpected(socket.error());
  if (!link) return;
  tried_[name] = link->ifindex;
  if (attached_.contains(link->ifindex)) return;
  mirror::AttachOptions options;
  if (const auto before = returning_.find(name); before != returning_.end()) options.mode = before->second.mode;
  const auto done = mirror::attach(options_.context, name, options);
  if (!done) return note_problem(name, done.error());
  end_problem(name);
  returning_.erase(name);
  told_.note(name, "attached");
  note_all(name, done->report.notes);
  pins_changed_ = true;
}

// What it has seen may be newer than what was heard: the latter says how it came.
void Follower::follow(std::uint32_t lower, bool refresh) {
  const auto device = attached_.find(lower);
  if (device == attached_.end()) return;
  const std::string name = device->second.name;
  gone_.clear();
  missed_ = false;
  const auto done = mirror::follow(options_.context, {.ifindex = lower}, refresh);
  if (done) note_uppers(lower, done->uppers);
  read_links();
  if (!done && (done.error().exit == Exit::not_attached || done.error().code == ENODEV)) {
    end_problem(name);
    pins_changed_ = true;
    return;
  }
  if (!done) return note_problem(name, done.error());
  end_problem(name);
  note_all(name, done->report.notes);
  note_followed(lower, *done);
}

// What has been heard since it looked at them is newer.
void Follower::note_uppers(std::uint32_t lower, const std::set<std::uint32_t>& uppers) {
  std::erase_if(followed_, [&](const auto& upper) { return upper.second == lower; });
  if (missed_) return;
  for (const std::uint32_t upper : uppers)
    if (!gone_.contains(upper)) followed_[upper] = lower;
}

// While it was being attached the mode was not there yet.
void Follower::note_followed(std::uint32_t lower, const mirror::FollowResult& done) {
  if (const auto device = attached_.find(lower); device != attached_.end()) device->second.mode = done.mode;
  tell_of_uppers(lower, done.gone);
}

void Follower::tell_of_uppers(std::uint32_t lower, const std::vector<mirror::Departed>& gone) {
  for (const mirror::Departed& upper : gone) told_.gone(upper, moved_.contains(upper.ifindex));
  std::erase_if(moved_, [&](const auto& upper) { return upper.second == lower; });
  std::vector<std::uint32_t> uppers;
  for (const auto& [upper, below] : set_)
    if (below == lower) uppers.push_back(upper);
  for (const std::uint32_t upper : uppers) {
    set_.erase(upper);
    told_.set(upper);
  }
}

// What is so at one look after another is told once.
void Follower::note_all(const std::string& device, const std::vector<std::string>& notes) {
  std::set<std::string> before = std::exchange(noted_[device], {notes.begin(), notes.end()});
  for (const std::string& note : notes)
    if (!before.contains(note)) told_.note(device, note);
  if (notes.empty()) noted_.erase(device);
}

void Follower::note_problem(const std::string& device, const Error& error) {
  std::string& told = problems_[device];
  if (told == error.text) return;
  told = error.text;
  told_.problem(device, error.text);
}

}  // namespace rxf::daemon
