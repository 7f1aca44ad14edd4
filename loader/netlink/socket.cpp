// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/socket.h"

#include <sys/socket.h>

#include <vector>

#include "loader/netlink/answers.h"

namespace rxf::netlink {
namespace {

// A kernel without one of these still works: shorter error texts, dumps that are filtered here.
void ask_for_good_manners(mnl_socket* socket) {
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    int on = 1;
    mnl_socket_setsockopt(socket, option, &on, sizeof(on));
  }
}

// The result of a system call that a signal may have cut off.
template <class Call>
Result<std::size_t> completed(const char* what, Call call) {
  for (;;) {
    const ssize_t result = call();
    if (result >= 0) return static_cast<std::size_t>(result);
    if (errno != EINTR) return system_error(errno, what);
  }
}

Result<std::size_t> pending_bytes(int fd) {
  return completed("netlink receive", [fd] { return ::recv(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC); });
}

// The next datagram of the kernel's, in `buffer`, which grows for it. Empty where another process sent it.
Result<Bytes> receive(int fd, std::vector<std::uint8_t>& buffer) {
  const auto pending = pending_bytes(fd);
  if (!pending) return std::unexpected(pending.error());
  if (*pending > buffer.size()) buffer.resize(*pending);

  sockaddr_nl sender{};
  const auto received = completed("netlink receive", [&] {
    socklen_t size = sizeof(sender);
    return ::recvfrom(fd, buffer.data(), buffer.size(), 0, static_cast<sockaddr*>(static_cast<void*>(&sender)), &size);
  });
  if (!received) return std::unexpected(received.error());
  return sender.nl_pid == 0 ? Bytes(buffer).first(*received) : Bytes{};
}

}  // namespace

Result<Socket> Socket::open(int bus) {
  mnl_socket* raw = mnl_socket_open2(bus, SOCK_CLOEXEC);
  if (!raw) return system_error(errno, "netlink socket");
  Socket socket(raw);
  ask_for_good_manners(raw);
  if (mnl_socket_bind(raw, 0, MNL_SOCKET_AUTOPID) < 0) return system_error(errno, "netlink socket");
  return socket;
}

Result<void> Socket::request(nlmsghdr* message, const Handler& handler) {
  message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  message->nlmsg_seq = ++sequence_;
  const auto sent =
      completed("netlink send", [&] { return mnl_socket_sendto(socket_.get(), message, message->nlmsg_len); });
  if (!sent) return std::unexpected(sent.error());

  // The kernel fills up to 32 KiB of a dump into one datagram if it has seen that much room before.
  std::vector<std::uint8_t> buffer(32 * 1024);
  Answers answers(sequence_, mnl_socket_get_portid(socket_.get()), handler);
  while (!answers.complete()) {
    const auto datagram = receive(mnl_socket_get_fd(socket_.get()), buffer);
    if (!datagram) return std::unexpected(datagram.error());
    answers.read(*datagram);
  }
  return answers.result();
}

}  // namespace rxf::netlink
