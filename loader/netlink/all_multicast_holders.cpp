// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/all_multicast_holders.h"

#include <linux/if_packet.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <fstream>
#include <sstream>
#include <string>

#include "loader/netlink/message.h"
#include "loader/netlink/socket.h"

namespace rxf::netlink {
namespace {

constexpr Field kMulticastList[] = {{PACKET_DIAG_MCLIST, Field::kAnySize, "PACKET_DIAG_MCLIST"}};

std::size_t all_multicast_entries(Bytes list, std::uint32_t ifindex) {
  std::size_t count = 0;
  for (; const auto entry = read_object<packet_diag_mclist>(list); list = list.subspan(sizeof(packet_diag_mclist)))
    if (entry->pdmc_index == ifindex && entry->pdmc_type == PACKET_MR_ALLMULTI) ++count;
  return count;
}

// "0 eth2             0       0 ...", below a heading: a number, the device's name.
std::size_t lines_of_device(const char* path, const std::string& name) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string number;
    std::string device;
    if (words >> number >> device && device == name) ++count;
  }
  return count;
}

}  // namespace

Result<std::size_t> all_multicast_sockets(const Link& link) {
  auto socket = Socket::open(NETLINK_SOCK_DIAG);
  if (!socket) return std::unexpected(socket.error());
  Message request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
  request.put_fixed(packet_diag_req{.sdiag_family = AF_PACKET, .pdiag_show = PACKET_SHOW_MCLIST});
  std::size_t count = 0;
  const auto asked = socket->request(request.header(), [&](const nlmsghdr& message) -> Result<void> {
    const auto body = body_of<packet_diag_msg>(message);
    if (!body) return std::unexpected(body.error());
    const auto attributes = Attributes::parse(body->attributes, kMulticastList);
    if (!attributes) return std::unexpected(attributes.error());
    count += all_multicast_entries(attributes->payload(PACKET_DIAG_MCLIST), link.ifindex);
    return {};
  });
  if (!asked) return std::unexpected(asked.error());
  return count;
}

std::size_t multicast_routing_interfaces(const Link& link) {
  return lines_of_device("/proc/thread-self/net/ip_mr_vif", link.name) +
         lines_of_device("/proc/thread-self/net/ip6_mr_vif", link.name);
}

}  // namespace rxf::netlink
