// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/daemon.h"

#include <syslog.h>
#include <systemd/sd-daemon.h>

#include "loader/daemon/access_list.h"
#include "loader/daemon/api_server.h"
#include "loader/daemon/follower.h"
#include "loader/daemon/mirror_backend.h"
#include "loader/daemon/service.h"

namespace rxf::daemon {
namespace {

class Daemon {
 public:
  explicit Daemon(const Setup& setup) : setup_(setup), context_(setup.context), backend_(shared_context()) {}

  Result<void> start();
  Result<void> serve() { return daemon::serve(loop_.get()); }

 private:
  const mirror::Context& shared_context();
  Result<void> open_api(const Settings& settings);
  Result<void> begin_following(const Settings& settings);
  [[nodiscard]] Follower::Told told();
  [[nodiscard]] Follower::Options options(const Settings& settings) const;
  void reload();
  void say_in_step(std::size_t attached);
  void announce(std::uint32_t ifindex);
  void announce_gone(const mirror::Departed& upper, bool moved);

  static int on_reload(sd_event_source* source, const signalfd_siginfo* signal, void* self);

  const Setup& setup_;
  mirror::Context context_;
  MirrorBackend backend_;
  LoopPtr loop_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<Follower> follower_;
  bool starting_ = true;     // or reloading
  std::size_t in_step_ = 0;  // devices, as told last
};

// What the follower knows holds for everything that is done here.
const mirror::Context& Daemon::shared_context() {
  context_.followed = [this] { return follower_ ? follower_->followed() : std::set<std::uint32_t>{}; };
  return context_;
}

Result<void> Daemon::start() {
  const auto settings = setup_.settings();
  if (!settings) return std::unexpected(settings.error());
  auto loop = service_loop(on_reload, this);
  if (!loop) return std::unexpected(loop.error());
  loop_ = std::move(*loop);
  if (auto done = open_api(*settings); !done) return done;
  return begin_following(*settings);
}

Result<void> Daemon::open_api(const Settings& settings) {
  auto access = AccessList::parse(settings.allow);
  if (!access) return std::unexpected(access.error());
  auto server = ApiServer::create(
      loop_.get(), {.path = setup_.api, .group = settings.group, .access = std::move(*access)}, backend_);
  if (!server) return std::unexpected(server.error());
  server_ = std::move(*server);
  backend_.on_set = [this](const ApiLink& link) { server_->announce(link); };
  return {};
}

Result<void> Daemon::begin_following(const Settings& settings) {
  auto follower = Follower::create(loop_.get(), options(settings), told());
  if (!follower) return std::unexpected(follower.error());
  follower_ = std::move(*follower);
  return {};
}

Follower::Told Daemon::told() {
  return {.set = [this](std::uint32_t ifindex) { announce(ifindex); },
          .gone = [this](const mirror::Departed& upper, bool moved) { announce_gone(upper, moved); },
          .note = [this](const std::string& device,
                         const std::string& text) { setup_.log(LOG_NOTICE, device + ": " + text); },
          .problem = [this](const std::string& device,
                            const std::string& text) { setup_.log(LOG_ERR, device + ": " + text); },
          .in_step = [this](std::size_t attached) { say_in_step(attached); }};
}

Follower::Options Daemon::options(const Settings& settings) const {
  return {.context = context_, .kept = settings.devices, .look = settings.look};
}

void Daemon::announce(std::uint32_t ifindex) {
  if (const auto link = backend_.get({.ifindex = ifindex}, true)) server_->announce(*link);
}

void Daemon::announce_gone(const mirror::Departed& upper, bool moved) {
  setup_.log(LOG_NOTICE, upper.name + (moved ? " has left the network namespace" : " was deleted") +
                             ": its filter set is forgotten");
  server_->announce_gone(upper.ifindex, upper.name, moved);
}

// Each is waited for until systemd takes it.
void Daemon::say_in_step(std::size_t attached) {
  if (!starting_ && attached == in_step_) return;
  in_step_ = attached;
  const std::string text = std::to_string(attached) + (attached == 1 ? " lower device" : " lower devices") + " in step";
  ::sd_notifyf(0, "%sSTATUS=%s", starting_ ? "READY=1\n" : "", text.c_str());
  if (starting_) setup_.log(LOG_INFO, text + ", API socket " + setup_.api);
  starting_ = false;
}

int Daemon::on_reload(sd_event_source* /*source*/, const signalfd_siginfo* /*signal*/, void* self) {
  static_cast<Daemon*>(self)->reload();
  return 0;
}

// Settings that are wrong leave the old ones in force.
void Daemon::reload() {
  tell_reloading();
  starting_ = true;
  const auto settings = setup_.settings();
  const auto access = settings ? AccessList::parse(settings->allow) : std::unexpected(settings.error());
  if (!access) {
    setup_.log(LOG_ERR, "not reloaded: " + access.error().text);
    return follower_->look();
  }
  server_->set_access(*access);
  follower_->begin_anew(options(*settings));
}

}  // namespace

Result<void> run(const Setup& setup) {
  Daemon daemon(setup);
  if (auto started = daemon.start(); !started) return started;
  return daemon.serve();
}

}  // namespace rxf::daemon
