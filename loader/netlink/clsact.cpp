// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/clsact.h"

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
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

constexpr std::array kFilterFields = {
    Field{TCA_KIND, Field::kAnySize, "TCA_KIND"},
    Field{TCA_CHAIN, sizeof(std::uint32_t), "TCA_CHAIN"},
    Field{TCA_OPTIONS, Field::kAnySize, "TCA_OPTIONS"},
};
constexpr std::array kBpfFields = {Field{TCA_BPF_ID, sizeof(std::uint32_t), "TCA_BPF_ID"}};

// nullopt for what is no filter of the first chain: the kernel tells of each classifier by itself too, with handle 0.
Result<std::optional<HookFilter>> decode_filter(const nlmsghdr& message) {
  const auto body = body_of<tcmsg>(message);
  if (!body) return std::unexpected(body.error());
  const auto attributes = Attributes::parse(body->attributes, kFilterFields);
  if (!attributes) return std::unexpected(attributes.error());
  if (body->fixed.tcm_handle == 0 || attributes->number<std::uint32_t>(TCA_CHAIN).value_or(0) != 0) return std::nullopt;
  HookFilter filter{
      .priority = body->fixed.tcm_info >> 16, .handle = body->fixed.tcm_handle, .kind = attributes->text(TCA_KIND)};
  if (filter.kind != "bpf") return filter;
  const auto options = Attributes::parse(attributes->payload(TCA_OPTIONS), kBpfFields);
  if (!options) return std::unexpected(options.error());
  filter.program_id = options->number<std::uint32_t>(TCA_BPF_ID).value_or(0);
  return filter;
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

Result<std::vector<HookFilter>> hook_filters(Socket& socket, std::uint32_t ifindex, Hook hook) {
  return repeat_interrupted([&]() -> Result<std::vector<HookFilter>> {
    Message request(RTM_GETTFILTER, NLM_F_DUMP);
    const std::uint32_t parent = hook == Hook::ingress ? kIngress : kEgress;
    request.put_fixed(tcmsg{.tcm_ifindex = static_cast<int>(ifindex), .tcm_parent = parent});
    std::vector<HookFilter> filters;
    const auto dumped = socket.request(request.header(), [&](const nlmsghdr& message) -> Result<void> {
      if (message.nlmsg_type != RTM_NEWTFILTER) return {};
      auto filter = decode_filter(message);
      if (!filter) return std::unexpected(filter.error());
      if (*filter) filters.push_back(std::move(**filter));
      return {};
    });
    if (!dumped) return std::unexpected(dumped.error());
    return filters;
  });
}

}  // namespace rxf::netlink
