// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/socket.h"

#include <sys/socket.h>

#include <vector>

#include "loader/netlink/answers.h"

namespace rxf::netlink {
namespace {

// A kernel without one of these still works: shorter error texts, dumps that are filtered here.
void ask_for_good_manners(int fd) {
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    const int on = 1;
    ::setsockopt(fd, SOL_NETLINK, option, &on, sizeof(on));
  }
}

sockaddr* generic(sockaddr_nl& address) { return static_cast<sockaddr*>(static_cast<void*>(&address)); }

// The port that the kernel chooses for it.
Result<std::uint32_t> bind_to_a_port(int fd) {
  sockaddr_nl address{.nl_family = AF_NETLINK};
  socklen_t size = sizeof(address);
  if (::bind(fd, generic(address), size) < 0 || ::getsockname(fd, generic(address), &size) < 0)
    return system_error(errno, "netlink socket");
  return address.nl_pid;
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

// The next datagram, in `buffer`, which grows for it. Empty where another process sent it on a netlink socket.
Result<Bytes> receive(int fd, std::vector<std::uint8_t>& buffer) {
  const auto pending = pending_bytes(fd);
  if (!pending) return std::unexpected(pending.error());
  if (*pending == 0) return system_error(ECONNRESET, "netlink receive");
  if (*pending > buffer.size()) buffer.resize(*pending);

  sockaddr_nl sender{};
  const auto received = completed("netlink receive", [&] {
    socklen_t size = sizeof(sender);
    return ::recvfrom(fd, buffer.data(), buffer.size(), 0, generic(sender), &size);
  });
  if (!received) return std::unexpected(received.error());
  const bool foreign = sender.nl_family == AF_NETLINK && sender.nl_pid != 0;
  return foreign ? Bytes{} : Bytes(buffer).first(*received);
}

}  // namespace

Result<Socket> Socket::open(int bus) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus));
  if (!fd) return system_error(errno, "netlink socket");
  ask_for_good_manners(fd.get());
  const auto port = bind_to_a_port(fd.get());
  if (!port) return std::unexpected(port.error());
  return Socket(std::move(fd), *port);
}

Result<void> Socket::request(nlmsghdr* message, const Handler& handler) {
  message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  message->nlmsg_seq = ++sequence_;
  sentence_.clear();
  const auto sent =
      completed("netlink send", [&] { return ::send(fd_.get(), message, message->nlmsg_len, MSG_NOSIGNAL); });
  if (!sent) return std::unexpected(sent.error());

  // The kernel fills up to 32 KiB of a dump into one datagram if it has seen that much room before.
  std::vector<std::uint8_t> buffer(32 * 1024);
  Answers answers(sequence_, port_, handler);
  while (!answers.complete()) {
    const auto datagram = receive(fd_.get(), buffer);
    if (!datagram) return std::unexpected(datagram.error());
    answers.read(*datagram);
  }
  sentence_ = answers.sentence();
  return answers.result();
}

}  // namespace rxf::netlink
