// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/address_lists.h"

#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "loader/netlink/message.h"
#include "loader/netlink/system.h"

namespace rxf::netlink {
namespace {

constexpr std::array kNeighbourFields = {Field{NDA_LLADDR, Field::kAnySize, "NDA_LLADDR"}};

Result<void> insert_neighbour(AddressSet& addresses, const Link& link, const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWNEIGH) return {};
  const auto body = body_of<ndmsg>(message);
  if (!body) return std::unexpected(body.error());
  // A kernel without strict checking ignores the ndm_ifindex of the request and lists every device.
  const bool of_link = body->fixed.ndm_ifindex == static_cast<int>(link.ifindex);
  if (!of_link || (body->fixed.ndm_flags & NTF_SELF) == 0) return {};

  const auto attributes = Attributes::parse(body->attributes, kNeighbourFields);
  if (!attributes) return std::unexpected(attributes.error());
  const Bytes octets = attributes->payload(NDA_LLADDR);
  if (octets.size() != ETH_ALEN) return {};
  const auto address = MacAddress::from_bytes(octets);
  if (!address.is_group()) addresses.insert(address);
  return {};
}

Result<AddressSet> dump_unicast(Socket& socket, const Link& link) {
  Message request(RTM_GETNEIGH, NLM_F_DUMP);
  request.put_fixed(ndmsg{.ndm_family = PF_BRIDGE, .ndm_ifindex = static_cast<int>(link.ifindex)});
  AddressSet addresses;
  const auto dumped = socket.request(
      request.header(), [&](const nlmsghdr& message) { return insert_neighbour(addresses, link, message); });
  if (!dumped) return std::unexpected(dumped.error());
  return addresses;
}

Result<void> change_fdb(Socket& socket, const Link& link, const MacAddress& address, std::uint16_t type, int flags) {
  Message request(type, flags);
  request.put_fixed(ndmsg{
      .ndm_family = PF_BRIDGE,
      .ndm_ifindex = static_cast<int>(link.ifindex),
      .ndm_state = NUD_PERMANENT | NUD_NOARP,
      .ndm_flags = NTF_SELF,
  });
  request.put(NDA_LLADDR, address.bytes);
  return socket.request(request.header());
}

Result<void> change_multicast(const Link& link, const MacAddress& address, unsigned long operation) {
  ifreq request{};
  request.ifr_hwaddr.sa_family = AF_UNSPEC;
  std::ranges::copy(address.bytes, request.ifr_hwaddr.sa_data);
  return device_ioctl(link, operation, request);
}

// "4    m0              1     0     333300000001", the address as in dev_mcast: hexadecimal, nothing between.
std::optional<MacAddress> address_of(const std::string& digits) {
  if (digits.size() != std::size_t{2} * ETH_ALEN) return std::nullopt;
  std::string text = digits.substr(0, 2);
  for (std::size_t i = 2; i < digits.size(); i += 2) text += ":" + digits.substr(i, 2);
  const auto address = MacAddress::parse(text);
  return address ? std::optional(*address) : std::nullopt;
}

void insert_reference(AddressSet& addresses, const Link& link, const std::string& line) {
  std::istringstream fields(line);
  std::uint32_t ifindex = 0;
  std::string name;
  unsigned references = 0;
  bool global = false;
  std::string digits;
  if (!(fields >> ifindex >> name >> references >> global >> digits)) return;
  if (ifindex != link.ifindex || !global) return;
  if (const auto address = address_of(digits)) addresses.insert(*address);
}

// "add 02:aa:bb:cc:dd:01 to the unicast list of macvtap0"
std::string described(const char* verb, const MacAddress& address, const char* list, const Link& link) {
  return std::string(verb) + " " + to_string(address) + " " + list + " of " + link.name;
}

}  // namespace

Result<AddressSet> fdb_unicast(Socket& socket, const Link& link) {
  auto addresses = repeat_interrupted([&] { return dump_unicast(socket, link); });
  if (!addresses) return wrap(addresses.error(), "read the unicast list of " + link.name);
  return addresses;
}

Result<void> fdb_add(Socket& socket, const Link& link, const MacAddress& address) {
  auto added = change_fdb(socket, link, address, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL);
  if (!added) return wrap(added.error(), described("add", address, "to the unicast list", link));
  return {};
}

Result<void> fdb_delete(Socket& socket, const Link& link, const MacAddress& address) {
  auto deleted = change_fdb(socket, link, address, RTM_DELNEIGH, 0);
  if (!deleted) return wrap(deleted.error(), described("delete", address, "from the unicast list", link));
  return {};
}

Result<AddressSet> multicast_references(const Link& link) {
  static constexpr const char* kPath = "/proc/thread-self/net/dev_mcast";
  std::ifstream file(kPath);
  if (!file) return system_error(errno, kPath);
  AddressSet addresses;
  for (std::string line; std::getline(file, line);) insert_reference(addresses, link, line);
  if (file.bad()) return system_error(EIO, kPath);
  return addresses;
}

Result<void> multicast_add(const Link& link, const MacAddress& address) {
  auto added = change_multicast(link, address, SIOCADDMULTI);
  if (!added) return wrap(added.error(), "add multicast reference " + to_string(address));
  return {};
}

Result<void> multicast_delete(const Link& link, const MacAddress& address) {
  auto deleted = change_multicast(link, address, SIOCDELMULTI);
  if (!deleted) return wrap(deleted.error(), "delete multicast reference " + to_string(address));
  return {};
}

}  // namespace rxf::netlink
