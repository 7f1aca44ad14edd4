// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <libmnl/libmnl.h>

#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::netlink {

// A NETLINK_ROUTE or NETLINK_GENERIC socket in the caller's network namespace, with extended and capped ACKs and strict
// checking of dumps where the kernel has it; or one on which a program answers as the kernel does. One request at a
// time; not thread-safe.
class Socket {
 public:
  static Result<Socket> open(int bus = NETLINK_ROUTE);

  // Over a connected socket of packets. Where it has time limits (SO_RCVTIMEO), running out is error EAGAIN; the other
  // end's going away is ECONNRESET.
  static Socket over(Fd connected) { return {std::move(connected), 0}; }

  using Handler = std::function<Result<void>(const nlmsghdr&)>;

  // Sends `message` (its nlmsg_seq is filled in) and hands every answer to `handler` until the ACK or the end of the
  // dump. The kernel's error comes back as Error::code with the extack sentence in the text. A dump that the kernel
  // marks as interrupted (NLM_F_DUMP_INTR) is error EINTR: what the handler saw is to be thrown away.
  Result<void> request(nlmsghdr* message, const Handler& handler = {});

  // The extack sentence of the last request by itself, which may come with success too; empty where there was none.
  [[nodiscard]] const std::string& sentence() const { return sentence_; }

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Socket(Fd fd, std::uint32_t port) : fd_(std::move(fd)), port_(port) {}

  Fd fd_;
  std::uint32_t port_;
  std::uint32_t sequence_ = 0;
  std::string sentence_;
};

}  // namespace rxf::netlink
