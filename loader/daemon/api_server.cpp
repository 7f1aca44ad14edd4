// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_server.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace rxf::daemon {
namespace {

constexpr std::uint64_t kPauseMicroseconds = 1'000'000;

// The soft limit is 1,024 by default, which is for the sake of select(2), and less than the connections need.
void raise_open_files(std::size_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, 2 * connections + 1024);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool out_of_resources(int code) { return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM; }

}  // namespace

ApiServer::ApiServer(sd_event* loop, ApiListener listener, Options options, ApiBackend& backend)
    : loop_(loop),
      listener_(std::move(listener)),
      limits_(options.limits),
      handler_(backend, std::move(options.access), limits_.dumps),
      surroundings_{.loop = loop, .handler = &handler_, .stall = limits_.stall, .ended = [this](auto& connection) {
                      connections_.erase(&connection);
                    }} {}

Result<std::unique_ptr<ApiServer>> ApiServer::create(sd_event* loop, Options options, ApiBackend& backend) {
  auto listener = ApiListener::open(options.path, options.group);
  if (!listener) return std::unexpected(listener.error());
  raise_open_files(options.limits.connections);
  std::unique_ptr<ApiServer> server(new ApiServer(loop, std::move(*listener), std::move(options), backend));
  const int watched = server->watch();
  if (watched < 0) return system_error(watched, "watch the API socket");
  return server;
}

int ApiServer::watch() {
  sd_event_source* source = nullptr;
  int result = sd_event_add_io(loop_, &source, listener_.fd(), EPOLLIN, on_connect, this);
  if (result < 0) return result;
  accepting_.reset(source);
  // Made now: when it is needed there may be no file descriptor left for it.
  result = sd_event_add_time(loop_, &source, CLOCK_MONOTONIC, 0, 0, on_pause_over, this);
  if (result < 0) return result;
  pause_.reset(source);
  return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

int ApiServer::on_connect(sd_event_source*, int, std::uint32_t, void* server) {
  static_cast<ApiServer*>(server)->accept_one();
  return 0;
}

int ApiServer::on_pause_over(sd_event_source*, std::uint64_t, void* server) {
  auto& self = *static_cast<ApiServer*>(server);
  sd_event_source_set_enabled(self.accepting_.get(), SD_EVENT_ON);
  return 0;
}

void ApiServer::accept_one() {
  Fd fd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (out_of_resources(errno)) pause();
    return;
  }
  if (connections_.size() >= limits_.connections) return;
  auto connection = ApiConnection::open(surroundings_, std::move(fd));
  if (!connection) return;
  ApiConnection* key = connection->get();
  connections_.emplace(key, std::move(*connection));
}

void ApiServer::pause() {
  sd_event_source_set_time_relative(pause_.get(), kPauseMicroseconds);
  sd_event_source_set_enabled(pause_.get(), SD_EVENT_ONESHOT);
  sd_event_source_set_enabled(accepting_.get(), SD_EVENT_OFF);
}

bool ApiServer::has_subscribers() const {
  return std::ranges::any_of(connections_, [](const auto& entry) { return entry.second->subscribed(); });
}

void ApiServer::announce(const ApiLink& link) {
  if (has_subscribers()) notify(new_link(link, true));
}

void ApiServer::announce_gone(std::uint32_t ifindex, const std::string& name, bool moved) {
  notify(moved ? departed_link(ifindex, name) : deleted_link(ifindex, name));
}

void ApiServer::notify(const Packet& packet) {
  for (const auto& [key, connection] : connections_)
    if (connection->subscribed()) connection->notify(packet);
}

}  // namespace rxf::daemon
