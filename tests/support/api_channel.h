// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace rxf::test {

// Something that takes packets of netlink messages and answers with such packets. Everything throws std::system_error.
class ApiChannel {
 public:
  using Packet = std::vector<std::uint8_t>;

  ApiChannel() = default;
  virtual ~ApiChannel() = default;
  ApiChannel(const ApiChannel&) = delete;
  ApiChannel& operator=(const ApiChannel&) = delete;

  virtual void send(std::span<const std::uint8_t> packet) = 0;
  // nullopt where none comes in that time; an empty one is the end of the connection.
  virtual std::optional<Packet> receive(std::chrono::milliseconds patience) = 0;
  // From now on, what is said to RTNLGRP_LINK comes too.
  virtual void subscribe() = 0;
};

// The kernel's NETLINK_ROUTE, in the calling thread's network namespace, with capped and extended ACKs.
std::unique_ptr<ApiChannel> route_channel();

// The daemon's socket at that path.
std::unique_ptr<ApiChannel> api_socket_channel(const std::string& path);

}  // namespace rxf::test
