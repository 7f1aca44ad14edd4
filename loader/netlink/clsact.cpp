// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/clsact.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

constexpr std::uint32_t kIngress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
constexpr std::uint32_t kEgress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
constexpr int kBusyTries = 100;
constexpr auto kBusyPause = std::chrono::milliseconds(5);

tcmsg hook_of(const Link& link, std::uint32_t parent, std::uint32_t handle) {
  return {.tcm_family = AF_UNSPEC,
          .tcm_ifindex = static_cast<int>(link.ifindex),
          .tcm_handle = handle,
          .tcm_parent = parent};
}

Result<bool> has_filters(Socket& socket, const Link& link, std::uint32_t parent) {
  return repeat_interrupted([&]() -> Result<bool> {
    Message request(RTM_GETTFILTER, NLM_F_DUMP);
    request.put_fixed(hook_of(link, parent, 0));
    bool found = false;
    const auto dumped = socket.request(request.header(), [&](const nlmsghdr& message) -> Result<void> {
      found = found || message.nlmsg_type == RTM_NEWTFILTER;
      return {};
    });
    if (!dumped) return std::unexpected(dumped.error());
    return found;
  });
}

}  // namespace

// The qdiscs are asked, not the filters: to a question for filters the kernel answers an empty hook and none alike.
Result<bool> has_ingress_hook(Socket& socket, const Link& link) {
  return repeat_interrupted([&]() -> Result<bool> {
    Message request(RTM_GETQDISC, NLM_F_DUMP);
    request.put_fixed(hook_of(link, 0, 0));
    bool found = false;
    const auto dumped = socket.request(request.header(), [&](const nlmsghdr& message) -> Result<void> {
      if (message.nlmsg_type != RTM_NEWQDISC) return {};
      const auto body = body_of<tcmsg>(message);
      if (!body) return std::unexpected(body.error());
      // The dump lists every device.
      found = found ||
              (body->fixed.tcm_ifindex == static_cast<int>(link.ifindex) && body->fixed.tcm_parent == TC_H_INGRESS);
      return {};
    });
    if (!dumped) return std::unexpected(dumped.error());
    return found;
  });
}

Result<void> remove_empty_clsact(Socket& socket, const Link& link) {
  for (const std::uint32_t parent : {kIngress, kEgress}) {
    const auto found = has_filters(socket, link, parent);
    if (!found) return std::unexpected(found.error());
    if (*found) return {};
  }
  Message request(RTM_DELQDISC, NLM_F_ACK);
  request.put_fixed(hook_of(link, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0)));
  auto done = socket.request(request.header());
  // Somebody looks at its filters just now.
  for (int i = 0; i < kBusyTries && !done && done.error().code == EBUSY; ++i) {
    std::this_thread::sleep_for(kBusyPause);
    done = socket.request(request.header());
  }
  if (!done && (done.error().code == ENOENT || done.error().code == EINVAL)) return {};
  return done;
}

}  // namespace rxf::netlink
