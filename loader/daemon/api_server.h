// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "loader/daemon/api_connection.h"
#include "loader/daemon/api_handler.h"
#include "loader/daemon/api_listener.h"
#include "loader/daemon/event_loop.h"

namespace rxf::daemon {

struct ApiLimits {
  std::size_t connections = 1024;  // a further one is closed at once
  std::size_t dumps = ApiDumps::kLimit;
  std::chrono::microseconds stall = std::chrono::seconds(5);  // for how long a dump may lie unread
};

// The API socket (docs/netlink-api.md), served from an event loop. No client can hold up another one or the loop, and
// nothing is awake while nobody asks.
class ApiServer {
 public:
  struct Options {
    std::string path;
    std::optional<std::string> group;  // that may connect; absent: the daemon's own
    AccessList access{};
    ApiLimits limits{};
  };

  // Listens as ApiListener::open() says. `loop` and `backend` outlive the server; it lives on the loop's thread.
  static Result<std::unique_ptr<ApiServer>> create(sd_event* loop, Options options, ApiBackend& backend);
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  void set_access(AccessList access) { handler_.set_access(std::move(access)); }

  // To all subscribers, at once or not at all (NLMSG_OVERRUN). Also from within ApiBackend::set().
  void announce(const ApiLink& link);
  // Deleted, or moved to another network namespace.
  void announce_gone(std::uint32_t ifindex, const std::string& name, bool moved);

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  ApiServer(sd_event* loop, ApiListener listener, Options options, ApiBackend& backend);

  // A negative errno where the loop cannot take another source.
  int watch();
  static int on_connect(sd_event_source* source, int fd, std::uint32_t events, void* server);
  static int on_pause_over(sd_event_source* source, std::uint64_t now, void* server);
  void accept_one();
  // Leaves who wants to connect waiting for a second.
  void pause();
  void notify(const Packet& packet);
  [[nodiscard]] bool has_subscribers() const;

  sd_event* loop_;
  ApiListener listener_;
  ApiLimits limits_;
  ApiHandler handler_;
  ApiConnection::Surroundings surroundings_;
  std::map<ApiConnection*, std::unique_ptr<ApiConnection>> connections_;
  SourcePtr accepting_;
  SourcePtr pause_;
};

}  // namespace rxf::daemon
