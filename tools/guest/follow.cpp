// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/follow.h"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>

#include "loader/daemon/service.h"
#include "loader/netlink/link_monitor.h"
#include "tools/guest/guest.h"

namespace rxf::guest {
namespace {

constexpr std::chrono::seconds kStatusPause{1};

class Following {
 public:
  Following(const FollowOptions& options, netlink::Socket links, netlink::LinkMonitor monitor)
      : options_(options), programmer_(options.api), links_(std::move(links)), monitor_(std::move(monitor)) {}

  Result<void> start();
  Result<void> serve();

 private:
  Result<void> watch_links();
  Result<void> add(const GuestSettings& settings);
  void begin(const std::string& upper) { guests_.at(upper)->begin(); }
  void remove(const std::string& upper);
  void reload();
  void follow_now(const std::vector<GuestSettings>& wanted);
  void update(const GuestSettings& settings);
  void read_links();
  void tell(bool ready);

  static int on_reload(sd_event_source* source, const signalfd_siginfo* signal, void* self);
  static int on_links(sd_event_source* source, int fd, std::uint32_t events, void* self);

  const FollowOptions& options_;
  Programmer programmer_;
  netlink::Socket links_;
  netlink::LinkMonitor monitor_;
  daemon::LoopPtr loop_;
  daemon::SourcePtr links_source_;
  std::optional<Timer> status_;
  std::optional<Guest::Surroundings> around_;
  std::map<std::string, std::unique_ptr<Guest>> guests_;  // by upper
  std::string told_;
};

// All locks before the first deed.
Result<void> Following::start() {
  auto loop = daemon::service_loop(on_reload, this);
  if (!loop) return std::unexpected(loop.error());
  loop_ = std::move(*loop);
  if (auto done = watch_links(); !done) return done;
  if (::mkdir(options_.state_directory.c_str(), 0755) != 0 && errno != EEXIST)
    return system_error(errno, options_.state_directory + ": no place for reports (--state DIR is one)");
  status_.emplace(loop_.get(), [this] { tell(false); });
  around_.emplace(Guest::Surroundings{.loop = loop_.get(),
                                      .programmer = programmer_,
                                      .links = links_,
                                      .state_directory = options_.state_directory,
                                      .log = options_.log,
                                      .told = [this] { status_->start_unless_running(kStatusPause); }});
  for (const GuestSettings& settings : options_.guests)
    if (auto done = add(settings); !done) return done;
  for (const auto& [upper, guest] : guests_) guest->begin();
  tell(true);
  return {};
}

Result<void> Following::watch_links() {
  sd_event_source* source = nullptr;
  const int added = sd_event_add_io(loop_.get(), &source, monitor_.fd(), EPOLLIN, on_links, this);
  links_source_.reset(source);
  return added < 0 ? system_error(added, "event loop") : Result<void>{};
}

int Following::on_links(sd_event_source* /*source*/, int /*fd*/, std::uint32_t /*events*/, void* self) {
  static_cast<Following*>(self)->read_links();
  return 0;
}

// What is lost is seen at the next look.
void Following::read_links() {
  const auto heard = monitor_.read();
  if (!heard) return;
  for (const netlink::LinkEvent& event : heard->events)
    if (const auto found = guests_.find(event.link.name); found != guests_.end() && !event.gone)
      found->second->saw_link(event.link);
}

Result<void> Following::add(const GuestSettings& settings) {
  auto lock = FollowLock::take(options_.state_directory, settings.upper);
  if (!lock) return std::unexpected(lock.error());
  guests_[settings.upper] = std::make_unique<Guest>(settings, std::move(*lock), *around_);
  return {};
}

void Following::remove(const std::string& upper) {
  // While its lock is held: a report that comes after is another process's.
  remove_report(options_.state_directory, upper);
  guests_.erase(upper);
  options_.log(LOG_NOTICE, upper + ": not followed any more; its filter set stays in force");
}

int Following::on_reload(sd_event_source* /*source*/, const signalfd_siginfo* /*signal*/, void* self) {
  static_cast<Following*>(self)->reload();
  return 0;
}

// Settings that are wrong leave the old ones in force.
void Following::reload() {
  daemon::tell_reloading();
  if (const auto wanted = options_.reload())
    follow_now(*wanted);
  else
    options_.log(LOG_ERR, "not reloaded: " + wanted.error().text);
  tell(true);
}

void Following::follow_now(const std::vector<GuestSettings>& wanted) {
  std::vector<std::string> gone;
  for (const auto& [upper, guest] : guests_)
    if (std::ranges::find(wanted, upper, &GuestSettings::upper) == wanted.end()) gone.push_back(upper);
  for (const std::string& upper : gone) remove(upper);
  for (const GuestSettings& settings : wanted) update(settings);
}

void Following::update(const GuestSettings& settings) {
  const auto found = guests_.find(settings.upper);
  const GuestSettings* before = found == guests_.end() ? nullptr : &found->second->settings();
  if (before != nullptr && *before == settings) return;
  if (before != nullptr && before->qmp == settings.qmp && before->nic == settings.nic)
    return found->second->change(settings);
  if (before != nullptr) guests_.erase(found);
  if (auto added = add(settings); !added) return options_.log(LOG_ERR, added.error().text);
  begin(settings.upper);
}

// Each is waited for until systemd takes it: not for every guest that comes and goes.
void Following::tell(bool ready) {
  const auto in_step = std::ranges::count_if(guests_, [](const auto& entry) { return entry.second->in_step(); });
  const std::string text = std::to_string(in_step) + " of " + std::to_string(guests_.size()) +
                           (guests_.size() == 1 ? " guest" : " guests") + " followed";
  if (!ready && text == told_) return;
  told_ = text;
  ::sd_notifyf(0, "%sSTATUS=%s", ready ? "READY=1\n" : "", text.c_str());
}

Result<void> Following::serve() {
  auto ended = daemon::serve(loop_.get());
  for (const auto& [upper, guest] : guests_) guest->write_report();
  return ended;
}

}  // namespace

Result<void> follow(const FollowOptions& options) {
  auto links = netlink::Socket::open();
  if (!links) return wrap(links.error(), "netlink");
  auto monitor = netlink::LinkMonitor::open(std::nullopt);
  if (!monitor) return wrap(monitor.error(), "netlink");
  Following following(options, std::move(*links), std::move(*monitor));
  if (auto started = following.start(); !started) return started;
  return following.serve();
}

}  // namespace rxf::guest
