// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/netlink/message.h"
#include "loader/netlink/socket.h"

namespace rxf::netlink {

// Reads the datagrams that answer one request, until the ACK or the end of the dump (netlink(7)). After a failure of
// the handler it is not called again, but what remains is still read: else it would be in the next request's way, and
// the kernel refuses a dump while another one runs.
class Answers {
 public:
  // Messages with another sequence number or port are skipped. `handler` outlives this.
  Answers(std::uint32_t sequence, std::uint32_t port, const Socket::Handler& handler)
      : sequence_(sequence), port_(port), handler_(handler) {}

  // `datagram` is aligned as nlmsghdr. Bytes that are no message end the reading with EBADMSG.
  void read(Bytes datagram);

  [[nodiscard]] bool complete() const { return complete_; }
  // Once complete: the first failure. See Socket::request.
  [[nodiscard]] Result<void> result() const { return result_; }
  // The extack sentence of the last message by itself, which may come with success too; empty where there is none.
  [[nodiscard]] const std::string& sentence() const { return sentence_; }

 private:
  void read_message(const nlmsghdr& message);
  void acknowledge(const nlmsghdr& message);
  void end_dump(const nlmsghdr& message);
  // `code` is 0 or a negative errno.
  void finish(int code, const nlmsghdr& message, Bytes extack);
  void finish(Result<void> result);
  void fail(Error error);

  std::uint32_t sequence_;
  std::uint32_t port_;
  const Socket::Handler& handler_;
  bool interrupted_ = false;
  bool complete_ = false;
  Result<void> result_;
  std::string sentence_;
};

}  // namespace rxf::netlink
