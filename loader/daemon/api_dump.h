// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "loader/daemon/api_message.h"

namespace rxf::daemon {

// An answer of many messages, cut into packets when they are sent.
class ApiDump {
 public:
  // The next packet, filled as far as kMaxApiPacket goes; NLMSG_DONE is in the last one. nullopt after that.
  std::optional<Packet> next();

 private:
  friend class ApiDumps;
  ApiDump(const nlmsghdr& request, std::shared_ptr<const Packet> messages)
      : request_(request), messages_(std::move(messages)) {}

  nlmsghdr request_;
  std::shared_ptr<const Packet> messages_;  // what every dump that says the same shares
  std::size_t position_ = 0;
  bool done_ = false;
};

// The dumps that are being sent.
class ApiDumps {
 public:
  static constexpr std::size_t kLimit = std::size_t{64} << 20;

  explicit ApiDumps(std::size_t limit = kLimit) : limit_(limit) {}

  // `links` as the answer to `request`. EBUSY where what is being sent would become more than the limit; a single dump
  // may be as long as it is.
  Result<ApiDump> begin(const nlmsghdr& request, const std::vector<ApiLink>& links, bool with_filters);

 private:
  std::size_t limit_;
  std::vector<std::weak_ptr<const Packet>> live_;
};

}  // namespace rxf::daemon
