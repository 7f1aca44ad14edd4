// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "loader/daemon/access_list.h"
#include "loader/daemon/api_backend.h"
#include "loader/daemon/api_dump.h"
#include "loader/daemon/api_message.h"
#include "loader/daemon/api_request.h"
#include "loader/netlink/attributes.h"

namespace rxf::daemon {

// What is to be done about one message.
struct ApiResponse {
  std::vector<Packet> answers;       // in this order
  std::string warning;               // goes with the acknowledgement
  std::optional<ApiDump> dump;       // after them
  std::optional<bool> subscription;  // to the changes of filter sets: begins or ends
  bool close = false;                // the connection: what came is no netlink message
};

// The protocol of docs/netlink-api.md, without its sockets.
class ApiHandler {
 public:
  // `backend` outlives this.
  explicit ApiHandler(ApiBackend& backend, AccessList access = {}, std::size_t most_dumped = ApiDumps::kLimit)
      : backend_(backend), access_(std::move(access)), dumps_(most_dumped) {}

  void set_access(AccessList access) { access_ = std::move(access); }

  // Takes the first message off `packet` and answers it. With what does not leave a place where a next one could begin,
  // or more than kMaxApiPacket bytes, all of it is taken off.
  ApiResponse handle(netlink::Bytes& packet, const Peer& peer);

 private:
  struct Request;
  template <class T>
  using Answered = std::expected<T, Refusal>;

  Answered<ApiResponse> answer(const Request& request, const Peer& peer);
  Answered<ApiResponse> get(const Request& request);
  Answered<ApiResponse> dump(const nlmsghdr& header, const LinkRequest& asked);
  Answered<ApiResponse> set(const Request& request, const Peer& peer);
  Answered<ApiLink> link_to_set(const nlmsghdr& header, const LinkRequest& asked);
  Refusal refusal_of_value(const ApiLink& link, const LinkRequest& asked);
  std::vector<Packet> echo(const nlmsghdr& header, const netlink::LinkName& name);
  static Answered<ApiResponse> change_subscription(const Request& request, bool on);

  ApiBackend& backend_;
  AccessList access_;
  ApiDumps dumps_;
};

}  // namespace rxf::daemon
