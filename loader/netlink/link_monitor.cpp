// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/link_monitor.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "loader/netlink/link_message.h"
#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

// The kernel drops what does not fit: enough for some thousand links that change at the same time.
constexpr int kReceiveBytes = 8 * 1024 * 1024;
constexpr int kMessagesAtATime = 256;
// A link with all its statistics has less.
constexpr std::size_t kLongestMessage = 64 * 1024;

bool has_attribute(Bytes attributes, std::optional<std::uint16_t> wanted) {
  while (const auto attribute = take_attribute(attributes))
    if (attribute->type == wanted) return true;
  return false;
}

Result<void> prepare(mnl_socket* socket) {
  const int fd = mnl_socket_get_fd(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return system_error(errno, "netlink socket");
  for (int group : {RTNLGRP_LINK, RTNLGRP_TC})
    if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
      return system_error(errno, "netlink socket");
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) < 0) return system_error(errno, "netlink socket");
  // Without CAP_NET_ADMIN the limit of the host holds.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof(kReceiveBytes)) < 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof(kReceiveBytes));
  return {};
}

bool is_of_qdisc(const nlmsghdr& message) {
  return message.nlmsg_type == RTM_NEWQDISC || message.nlmsg_type == RTM_DELQDISC;
}

bool is_of_filter(const nlmsghdr& message) {
  return message.nlmsg_type == RTM_NEWTFILTER || message.nlmsg_type == RTM_DELTFILTER;
}

}  // namespace

// A filter's parent is the hook, or the qdisc itself where that is an `ingress` qdisc.
Result<std::optional<TcEvent>> decode_tc_event(const nlmsghdr& message) {
  if (!is_of_qdisc(message) && !is_of_filter(message)) return std::nullopt;
  const auto body = body_of<tcmsg>(message);
  if (!body) return std::unexpected(body.error());
  const tcmsg& fixed = body->fixed;
  const auto ifindex = static_cast<std::uint32_t>(fixed.tcm_ifindex);
  if (is_of_qdisc(message))
    return fixed.tcm_parent == TC_H_CLSACT ? std::optional(TcEvent{.ifindex = ifindex}) : std::nullopt;
  if (TC_H_MAJ(fixed.tcm_parent) != TC_H_MAJ(TC_H_CLSACT)) return std::nullopt;
  return TcEvent{.ifindex = ifindex, .priority = fixed.tcm_info >> 16};
}

Result<std::optional<LinkEvent>> decode_link_event(const nlmsghdr& message, std::optional<std::uint16_t> rx_filter) {
  if (message.nlmsg_type != RTM_NEWLINK && message.nlmsg_type != RTM_DELLINK) return std::nullopt;
  const auto body = body_of<ifinfomsg>(message);
  if (!body) return std::unexpected(body.error());
  if (body->fixed.ifi_family != AF_UNSPEC) return std::nullopt;
  auto link = decode_link(message);
  if (!link) return std::unexpected(link.error());
  return LinkEvent{.link = std::move(*link),
                   .gone = message.nlmsg_type == RTM_DELLINK,
                   .moved = has_attribute(body->attributes, IFLA_NEW_NETNSID),
                   .rx_filter = rx_filter && has_attribute(body->attributes, rx_filter)};
}

Result<LinkMonitor> LinkMonitor::open(std::optional<std::uint16_t> rx_filter) {
  mnl_socket* raw = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (raw == nullptr) return system_error(errno, "netlink socket");
  LinkMonitor monitor(raw, rx_filter);
  if (auto ready = prepare(raw); !ready) return std::unexpected(ready.error());
  monitor.buffer_.resize(kLongestMessage);
  return monitor;
}

int LinkMonitor::fd() const { return mnl_socket_get_fd(socket_.get()); }

Result<LinkMonitor::Heard> LinkMonitor::read() {
  Heard heard;
  for (int turn = 0; turn < kMessagesAtATime; ++turn) {
    const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
    if (size >= 0) {
      take(Bytes(buffer_).first(static_cast<std::size_t>(size)), heard);
      continue;
    }
    if (errno == EAGAIN) return heard;
    if (errno == EINTR) continue;
    if (errno != ENOBUFS && errno != ENOSPC) return system_error(errno, "netlink receive");
    heard.overrun = true;
  }
  heard.more = true;
  return heard;
}

// What cannot be understood may be about anything.
void LinkMonitor::take(Bytes datagram, Heard& heard) const {
  const auto* message = static_cast<const nlmsghdr*>(static_cast<const void*>(datagram.data()));
  for (int left = static_cast<int>(datagram.size()); mnl_nlmsg_ok(message, left);
       message = mnl_nlmsg_next(message, &left)) {
    auto event = decode_link_event(*message, rx_filter_);
    const auto tc = decode_tc_event(*message);
    if (!event || !tc) heard.overrun = true;
    if (tc && *tc) heard.tc.insert(**tc);
    if (event && *event) heard.events.push_back(std::move(**event));
  }
}

}  // namespace rxf::netlink
