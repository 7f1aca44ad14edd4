// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <libmnl/libmnl.h>

#include "loader/model/result.h"

namespace rxf::netlink {

// A NETLINK_ROUTE or NETLINK_GENERIC socket in the caller's network namespace, with extended and capped ACKs and strict
// checking of dumps where the kernel has it. One request at a time; not thread-safe.
class Socket {
 public:
  static Result<Socket> open(int bus = NETLINK_ROUTE);

  using Handler = std::function<Result<void>(const nlmsghdr&)>;

  // Sends `message` (its nlmsg_seq is filled in) and hands every answer to `handler` until the ACK or the end of the
  // dump. The kernel's error comes back as Error::code with the extack sentence in the text. A dump that the kernel
  // marks as interrupted (NLM_F_DUMP_INTR) is error EINTR: what the handler saw is to be thrown away.
  Result<void> request(nlmsghdr* message, const Handler& handler = {});

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  explicit Socket(mnl_socket* socket) : socket_(socket) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace rxf::netlink
