// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "loader/netlink/attributes.h"
#include "loader/netlink/links.h"

namespace rxf::netlink {

// Something about a link that the kernel told of unasked.
struct LinkEvent {
  Link link;               // as it is, or was last
  bool gone = false;       // deleted, or moved to another namespace
  bool moved = false;      // the latter
  bool rx_filter = false;  // the message states the link's filter set: it was set
};

// A filter or qdisc on a device's ingress or egress hook (clsact, or `ingress` in its place) that came, went or was
// replaced.
struct TcEvent {
  std::uint32_t ifindex = 0;
  std::uint32_t priority = 0;  // "pref" of the filter; 0: the qdisc, with all filters on it

  auto operator<=>(const TcEvent&) const = default;
};

// What the kernel tells of the links of a namespace, and of the filters on their hooks: RTNLGRP_LINK and RTNLGRP_TC
// (rtnetlink(7)). Never blocks.
class LinkMonitor {
 public:
  // `rx_filter` is the number of IFLA_RX_FILTER in the running kernel, where it has one.
  static Result<LinkMonitor> open(std::optional<std::uint16_t> rx_filter);

  // Readable when there is something to read.
  [[nodiscard]] int fd() const;

  struct Heard {
    std::vector<LinkEvent> events;
    std::set<TcEvent> tc;  // each once
    bool more = false;     // there may be more to read
    bool overrun = false;  // some was lost: everything may have changed
  };
  // What has come so far, not more than some hundred messages at a time.
  Result<Heard> read();

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  LinkMonitor(mnl_socket* socket, std::optional<std::uint16_t> rx_filter) : socket_(socket), rx_filter_(rx_filter) {}
  void take(Bytes datagram, Heard& heard) const;

  std::unique_ptr<mnl_socket, Close> socket_;
  std::optional<std::uint16_t> rx_filter_;
  std::vector<std::uint8_t> buffer_;
};

// One message of RTNLGRP_LINK; nullopt for what is not about a link itself (a bridge tells of its ports with the same
// messages). An attribute of the wrong length is an error that names it.
Result<std::optional<LinkEvent>> decode_link_event(const nlmsghdr& message, std::optional<std::uint16_t> rx_filter);

// One message of RTNLGRP_TC; nullopt for what is not about those hooks: the qdiscs and classes of the transmit path.
Result<std::optional<TcEvent>> decode_tc_event(const nlmsghdr& message);

}  // namespace rxf::netlink
