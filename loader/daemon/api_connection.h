// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "loader/daemon/api_handler.h"
#include "loader/daemon/event_loop.h"
#include "loader/util/fd.h"

namespace rxf::daemon {

// One client of the API socket. One of its messages is handled at each turn of the loop, and none while it has not
// taken the answers to the one before: so it holds up nobody, and holds no more memory than one answer.
class ApiConnection {
 public:
  // What a connection lives with; all of it outlives the connection.
  struct Surroundings {
    sd_event* loop = nullptr;
    ApiHandler* handler = nullptr;
    std::chrono::microseconds stall{};  // for how long a dump may lie unread before the connection ends
    // Called once, from the loop, when the connection is over: it may go now.
    std::function<void(ApiConnection&)> ended;
  };

  static Result<std::unique_ptr<ApiConnection>> open(const Surroundings& surroundings, Fd fd);
  ApiConnection(const ApiConnection&) = delete;
  ApiConnection& operator=(const ApiConnection&) = delete;

  [[nodiscard]] bool subscribed() const { return subscribed_; }

  // Sends it where there is room, else leaves NLMSG_OVERRUN for when there is. Never blocks, nor ends the connection.
  void notify(const Packet& packet);

 private:
  ApiConnection(const Surroundings& surroundings, Fd fd, Peer peer)
      : surroundings_(surroundings), fd_(std::move(fd)), peer_(std::move(peer)) {}

  static int on_ready(sd_event_source* source, int fd, std::uint32_t events, void* connection);
  static int on_stall(sd_event_source* source, std::uint64_t now, void* connection);

  // One turn. False: the connection is over.
  bool turn();
  bool take_message();
  bool handle(netlink::Bytes packet);

  // Sends what is waiting, but of a dump one packet only.
  void flush();
  enum class Sent { yes, no_room, never };
  Sent send(const Packet& packet);
  [[nodiscard]] bool owes() const { return !answers_.empty() || dump_; }
  void watch();

  const Surroundings& surroundings_;
  Fd fd_;
  Peer peer_;
  SourcePtr ready_;
  SourcePtr stall_;             // there while a dump is being sent
  Packet rest_;                 // of the last packet: what is still to be handled
  std::deque<Packet> answers_;  // not sent yet
  std::optional<ApiDump> dump_;
  bool subscribed_ = false;
  bool overrun_ = false;  // notifications were lost, and the client does not know
  bool deaf_ = false;     // the client takes nothing any more
};

}  // namespace rxf::daemon
