// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_message.h"

#include <linux/rtnetlink.h>

#include <cassert>
#include <cstring>

#include "loader/netlink/message.h"
#include "loader/netlink/rx_filter_codec.h"

namespace rxf::daemon {
namespace {

using netlink::Bytes;
using netlink::Message;

// Of a refusal's sentence; what is longer is cut.
constexpr std::size_t kMaxText = 2048;

Packet packet_of(const Message& message) {
  const Bytes bytes = message.bytes();
  return {bytes.begin(), bytes.end()};
}

// `code` is 0 or a negative errno.
void put_outcome(Message& message, const nlmsghdr& request, int code) {
  message.header()->nlmsg_seq = request.nlmsg_seq;
  message.header()->nlmsg_pid = request.nlmsg_pid;
  message.put_fixed(nlmsgerr{.error = code, .msg = request});
}

void put_name(Message& message, std::uint32_t ifindex, const std::string& name) {
  message.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(ifindex)});
  message.put_text(IFLA_IFNAME, name);
}

}  // namespace

Packet acknowledgement(const nlmsghdr& request, const std::string& warning) {
  if (!warning.empty()) return refusal(request, {.code = 0, .text = warning});
  Message message(NLMSG_ERROR, NLM_F_CAPPED);
  put_outcome(message, request, 0);
  return packet_of(message);
}

Packet refusal(const nlmsghdr& request, const Refusal& why) {
  Message message(NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, kMaxText + 512);
  put_outcome(message, request, -why.code);
  message.put_text(NLMSGERR_ATTR_MSG, why.text.substr(0, kMaxText));
  if (why.offset) message.put_u32(NLMSGERR_ATTR_OFFS, static_cast<std::uint32_t>(*why.offset));
  return packet_of(message);
}

Packet new_link(const ApiLink& link, bool with_filter) {
  assert(link.message.size() >= NLMSG_SPACE(sizeof(ifinfomsg)));
  const Bytes payload = Bytes(link.message).subspan(NLMSG_HDRLEN);
  Message message(RTM_NEWLINK, 0, link.message.size() + netlink::kMaxRxFilterMessage);
  std::memcpy(mnl_nlmsg_put_extra_header(message.header(), payload.size()), payload.data(), payload.size());
  if (with_filter && link.filter) put_rx_filter(message, netlink::kIflaRxFilter, stating(*link.filter));
  return packet_of(message);
}

Packet deleted_link(std::uint32_t ifindex, const std::string& name) {
  Message message(RTM_DELLINK, 0);
  put_name(message, ifindex, name);
  return packet_of(message);
}

Packet departed_link(std::uint32_t ifindex, const std::string& name) {
  Message message(RTM_NEWLINK, 0);
  put_name(message, ifindex, name);
  put_rx_filter(message, netlink::kIflaRxFilter, FilterChange{});
  return packet_of(message);
}

Packet end_of_dump() {
  Message message(NLMSG_DONE, NLM_F_MULTI);
  message.put_fixed(int{0});
  return packet_of(message);
}

Packet overrun() { return packet_of(Message(NLMSG_OVERRUN, 0)); }

Packet answering(const nlmsghdr& request, Packet message, int flags) {
  nlmsghdr header;
  std::memcpy(&header, message.data(), sizeof(header));
  header.nlmsg_flags = static_cast<std::uint16_t>(header.nlmsg_flags | flags);
  header.nlmsg_seq = request.nlmsg_seq;
  header.nlmsg_pid = request.nlmsg_pid;
  std::memcpy(message.data(), &header, sizeof(header));
  return message;
}

}  // namespace rxf::daemon
