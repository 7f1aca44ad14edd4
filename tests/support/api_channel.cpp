// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/api_channel.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <stdexcept>

#include "loader/netlink/message.h"
#include "loader/util/fd.h"
#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

// RXF_API_ADD_MEMBERSHIP of docs/netlink-api.md.
constexpr std::uint16_t kAddMembership = 0x7f01;

class SocketChannel : public ApiChannel {
 public:
  explicit SocketChannel(Fd socket) : socket_(std::move(socket)) {}

  void send(std::span<const std::uint8_t> packet) override {
    checked(static_cast<int>(::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL)), "send");
  }

  std::optional<Packet> receive(std::chrono::milliseconds patience) override {
    pollfd event{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (checked(::poll(&event, 1, static_cast<int>(patience.count())), "poll") == 0) return std::nullopt;
    Packet packet(std::size_t{128} * 1024);
    packet.resize(static_cast<std::size_t>(
        checked(static_cast<int>(::recv(socket_.get(), packet.data(), packet.size(), 0)), "receive")));
    return packet;
  }

 protected:
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  Fd socket_;
};

class RouteChannel : public SocketChannel {
 public:
  RouteChannel() : SocketChannel(checked_fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "netlink")) {
    for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) set(option, 1);
    // Without an address of its own it would get no notifications until it first sends.
    const sockaddr_nl any{.nl_family = AF_NETLINK};
    checked(::bind(fd(), static_cast<const sockaddr*>(static_cast<const void*>(&any)), sizeof any), "bind");
  }

  void subscribe() override { set(NETLINK_ADD_MEMBERSHIP, RTNLGRP_LINK); }

 private:
  void set(int option, int value) {
    checked(::setsockopt(fd(), SOL_NETLINK, option, &value, sizeof value), "setsockopt");
  }
};

class ApiSocketChannel : public SocketChannel {
 public:
  explicit ApiSocketChannel(const std::string& path)
      : SocketChannel(checked_fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket")) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long for a socket: " + path);
    path.copy(address.sun_path, path.size());
    checked(::connect(fd(), static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof address), path);
  }

  void subscribe() override {
    netlink::Message request(kAddMembership, NLM_F_REQUEST | NLM_F_ACK);
    request.put_fixed(std::uint32_t{RTNLGRP_LINK});
    send(request.bytes());
    const auto answer = receive(std::chrono::seconds(60));
    const auto error = answer ? netlink::read_object<nlmsgerr>(netlink::Bytes(*answer).subspan(NLMSG_HDRLEN))
                              : std::optional<nlmsgerr>();
    if (!error || error->error != 0) throw std::runtime_error("the API socket takes no subscription");
  }
};

}  // namespace

std::unique_ptr<ApiChannel> route_channel() { return std::make_unique<RouteChannel>(); }

std::unique_ptr<ApiChannel> api_socket_channel(const std::string& path) {
  return std::make_unique<ApiSocketChannel>(path);
}

}  // namespace rxf::test
