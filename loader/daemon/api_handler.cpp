// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_handler.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "loader/netlink/rx_filter_link.h"

namespace rxf::daemon {
namespace {

using netlink::Bytes;

std::unexpected<Refusal> refused(int code, std::string text, std::optional<std::size_t> offset = std::nullopt) {
  return std::unexpected(Refusal{.code = code, .text = std::move(text), .offset = offset});
}

ApiResponse refuse(const nlmsghdr& header, const Refusal& why) { return {.answers = {refusal(header, why)}}; }

bool has(int flags, const nlmsghdr& header) { return (header.nlmsg_flags & flags) != 0; }

bool wants_filter(const LinkRequest& asked) { return (asked.mask & netlink::kExtFilterRxFilter) != 0; }

std::string joined(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : "; ") + sentence;
  return text;
}

}  // namespace

struct ApiHandler::Request {
  nlmsghdr header;
  Bytes message;  // header included
};

ApiResponse ApiHandler::handle(Bytes& packet, const Peer& peer) {
  const Bytes all = std::exchange(packet, Bytes{});
  const auto header = netlink::read_object<nlmsghdr>(all);
  if (!header) return {.close = true};
  if (all.size() > kMaxApiPacket) {
    return refuse(*header, {EMSGSIZE, "more than " + std::to_string(kMaxApiPacket) + " bytes in one packet"});
  }
  const std::size_t length = header->nlmsg_len;
  if (length < sizeof(nlmsghdr) || length > all.size()) {
    return refuse(*header, {EBADMSG, "nlmsg_len is " + std::to_string(length) + ", and the packet has " +
                                         std::to_string(all.size()) + " bytes left"});
  }
  packet = all.subspan(std::min<std::size_t>(NLMSG_ALIGN(length), all.size()));
  auto response = answer({.header = *header, .message = all.first(length)}, peer);
  if (!response) return refuse(*header, response.error());
  if (has(NLM_F_ACK, *header) && !response->dump)
    response->answers.push_back(acknowledgement(*header, response->warning));
  return std::move(*response);
}

ApiHandler::Answered<ApiResponse> ApiHandler::answer(const Request& request, const Peer& peer) {
  // As in the kernel, there is nothing to do for what is no request.
  if (!has(NLM_F_REQUEST, request.header) || request.header.nlmsg_type < NLMSG_MIN_TYPE) return ApiResponse{};
  switch (request.header.nlmsg_type) {
    case RTM_GETLINK:
      return get(request);
    case RTM_SETLINK:
    case RTM_NEWLINK:
      return set(request, peer);
    case kApiAddMembership:
      return change_subscription(request, true);
    case kApiDropMembership:
      return change_subscription(request, false);
    default:
      return refused(EOPNOTSUPP,
                     "messages of type " + std::to_string(request.header.nlmsg_type) + " are not for the API socket");
  }
}

ApiHandler::Answered<ApiResponse> ApiHandler::get(const Request& request) {
  const auto asked = decode_link_request(request.message);
  if (!asked) return std::unexpected(asked.error());
  if (asked->change || asked->wrong_value)
    return refused(EOPNOTSUPP, "IFLA_RX_FILTER is not for RTM_GETLINK", asked->filter_offset);
  if (has(NLM_F_DUMP, request.header)) return dump(request.header, *asked);
  if (!asked->named) return refused(EINVAL, "neither ifi_index nor a name");
  const auto link = backend_.get(asked->link, wants_filter(*asked));
  if (!link) return std::unexpected(refusal_of(link.error()));
  return ApiResponse{.answers = {answering(request.header, new_link(*link, wants_filter(*asked)))}};
}

ApiHandler::Answered<ApiResponse> ApiHandler::dump(const nlmsghdr& header, const LinkRequest& asked) {
  if (asked.named) return refused(EINVAL, "a dump is of all links");
  const auto links = backend_.all();
  if (!links) return std::unexpected(refusal_of(links.error()));
  const auto dump = dumps_.begin(header, *links, wants_filter(asked));
  if (!dump) return std::unexpected(refusal_of(dump.error()));
  return ApiResponse{.dump = *dump};
}

ApiHandler::Answered<ApiResponse> ApiHandler::set(const Request& request, const Peer& peer) {
  const auto asked = decode_link_request(request.message);
  if (!asked) return std::unexpected(asked.error());
  const auto link = link_to_set(request.header, *asked);
  if (!link) return std::unexpected(link.error());
  if (!access_.allows(peer, link->name)) {
    return refused(EPERM, "user " + std::to_string(peer.uid) + " may not set the filter of " + link->name);
  }
  if (asked->wrong_value) return std::unexpected(refusal_of_value(*link, *asked));
  if (!asked->change) return ApiResponse{};
  // By index: what is set is the link that was looked at, however it is called by now.
  const netlink::LinkName name{.ifindex = link->ifindex, .name = link->name};
  const auto warnings = backend_.set(name, *asked->change);
  if (!warnings) {
    Refusal why = refusal_of(warnings.error());
    why.offset = asked->filter_offset;
    return std::unexpected(std::move(why));
  }
  ApiResponse response{.warning = joined(*warnings)};
  if (has(NLM_F_ECHO, request.header)) response.answers = echo(request.header, name);
  return response;
}

// The link that is there, in a request that asks for nothing but its filter.
ApiHandler::Answered<ApiLink> ApiHandler::link_to_set(const nlmsghdr& header, const LinkRequest& asked) {
  const bool new_link = header.nlmsg_type == RTM_NEWLINK;
  if (asked.flags) return refused(EOPNOTSUPP, "ifi_flags and ifi_change are not for the API socket");
  if (!asked.named && !new_link) return refused(EINVAL, "neither ifi_index nor a name");
  auto link = asked.named ? backend_.get(asked.link, false) : system_error(ENODEV, "no link is named");
  if (!link && link.error().code == ENODEV && new_link && has(NLM_F_CREATE, header)) {
    return refused(EOPNOTSUPP, "no link is made over the API socket");
  }
  if (!link) return std::unexpected(refusal_of(link.error()));
  if (new_link && has(NLM_F_EXCL, header)) return refused(EEXIST, link->name + " is there");
  if (new_link && has(NLM_F_REPLACE, header)) return refused(EOPNOTSUPP, "no link is replaced over the API socket");
  if (asked.other_name && *asked.other_name != link->name) {
    return refused(EOPNOTSUPP, "no link is renamed over the API socket");
  }
  return std::move(*link);
}

// As in the kernel, values are looked at where there is a filter.
Refusal ApiHandler::refusal_of_value(const ApiLink& link, const LinkRequest& asked) {
  const auto found = backend_.get({.ifindex = link.ifindex, .name = link.name}, true);
  if (found && found->filter) return *asked.wrong_value;
  return {.code = EOPNOTSUPP, .text = link.name + " has no receive filter", .offset = asked.filter_offset};
}

// The filter is in force: a link that is gone by now is one without an echo.
std::vector<Packet> ApiHandler::echo(const nlmsghdr& header, const netlink::LinkName& name) {
  const auto link = backend_.get(name, true);
  if (!link) return {};
  return {answering(header, new_link(*link, true))};
}

ApiHandler::Answered<ApiResponse> ApiHandler::change_subscription(const Request& request, bool on) {
  const auto group = netlink::read_object<std::uint32_t>(request.message.subspan(NLMSG_HDRLEN));
  if (!group) return refused(EINVAL, "the message is too short for a group");
  if (*group != RTNLGRP_LINK) return refused(EINVAL, "there is no group but RTNLGRP_LINK");
  return ApiResponse{.subscription = on};
}

}  // namespace rxf::daemon
