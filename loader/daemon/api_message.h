// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/daemon/api_backend.h"

namespace rxf::daemon {

// What is sent over the API socket beside the messages of rtnetlink(7): a u32, the group RTNLGRP_LINK, where on a
// netlink socket setsockopt(NETLINK_ADD_MEMBERSHIP) is called.
inline constexpr std::uint16_t kApiAddMembership = 0x7f01;
inline constexpr std::uint16_t kApiDropMembership = 0x7f02;

// The most that one packet from a client may hold, and that one to it holds where no single message is longer.
inline constexpr std::size_t kMaxApiPacket = 32768;

// Netlink messages, each padded to 4 bytes.
using Packet = std::vector<std::uint8_t>;

struct Refusal {
  int code = 0;                         // positive errno
  std::string text;                     // a sentence
  std::optional<std::size_t> offset{};  // of the attribute at fault, from the request's first byte
};

// NLMSG_ERROR as the kernel sends it with NETLINK_CAP_ACK and NETLINK_EXT_ACK: the request's header, for a refusal
// NLMSGERR_ATTR_MSG, and where it is known NLMSGERR_ATTR_OFFS. What was done all right may have a warning.
Packet acknowledgement(const nlmsghdr& request, const std::string& warning = "");
Packet refusal(const nlmsghdr& request, const Refusal& why);

// The link's RTM_NEWLINK, IFLA_RX_FILTER appended where that is asked for and the link has a filter set. Nobody's
// answer: without flags, sequence number and port.
Packet new_link(const ApiLink& link, bool with_filter);

// A link that is no more: RTM_DELLINK with its name. Or one that has left the network namespace, and its filter set
// with it: RTM_NEWLINK with its name and an empty IFLA_RX_FILTER.
Packet deleted_link(std::uint32_t ifindex, const std::string& name);
Packet departed_link(std::uint32_t ifindex, const std::string& name);

Packet end_of_dump();
// Notifications were lost.
Packet overrun();

// Makes a packet of one message a part of the answer to `request`. `flags` are NLM_F_*.
Packet answering(const nlmsghdr& request, Packet message, int flags = 0);

}  // namespace rxf::daemon
