// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "loader/daemon/api_message.h"
#include "loader/model/filter_change.h"
#include "loader/netlink/attributes.h"
#include "loader/netlink/links.h"

namespace rxf::daemon {

// A RTM_GETLINK, RTM_SETLINK or RTM_NEWLINK from a client.
struct LinkRequest {
  bool named = false;                     // by index or name
  netlink::LinkName link;                 // that
  std::optional<std::string> other_name;  // IFLA_IFNAME beside an index: of a set, the name that the link is to get
  bool flags = false;                     // ifi_flags or ifi_change are not 0
  std::uint32_t mask = 0;                 // IFLA_EXT_MASK
  std::optional<FilterChange> change;     // IFLA_RX_FILTER
  std::optional<Refusal> wrong_value;     // instead: its form is right, and an address or a VLAN in it is not
  std::size_t filter_offset = 0;          // of that attribute, from the message's first byte
};

// `message` is whole, its header included. What is refused, by the codes of the patched kernel: an attribute of the
// wrong length, ERANGE; a filter of which the form is wrong, as decode_change() says; a fixed part or an attribute that
// is cut short, EINVAL. An attribute that is none of those above, EOPNOTSUPP.
std::expected<LinkRequest, Refusal> decode_link_request(netlink::Bytes message);

// What an Error is to its client.
Refusal refusal_of(const Error& error);

}  // namespace rxf::daemon
