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
#include <charconv>
#include <fstream>

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

// The next word of a line, which is taken off.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

// "333300000001": hexadecimal, nothing between.
std::optional<MacAddress> address_of(std::string_view digits) {
  if (digits.size() != std::size_t{2} * ETH_ALEN) return std::nullopt;
  MacAddress address;
  for (std::size_t i = 0; i < ETH_ALEN; ++i) {
    const char* begin = digits.data() + 2 * i;
    if (std::from_chars(begin, begin + 2, address.bytes.at(i), 16).ptr != begin + 2) return std::nullopt;
  }
  return address;
}

// "4    m0              1     0     333300000001": ifindex, name, references, whether one of them is of SIOCADDMULTI,
// address. A machine has thousands.
void insert_reference(MulticastReferences& references, std::string_view line) {
  const std::string_view index = take_word(line);
  take_word(line);
  take_word(line);
  if (take_word(line) == "0") return;
  std::uint32_t ifindex = 0;
  if (std::from_chars(index.data(), index.data() + index.size(), ifindex).ec != std::errc{}) return;
  if (const auto address = address_of(take_word(line))) references[ifindex].insert(*address);
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

Result<MulticastReferences> multicast_references() {
  static constexpr const char* kPath = "/proc/thread-self/net/dev_mcast";
  std::ifstream file(kPath);
  if (!file) return system_error(errno, kPath);
  MulticastReferences references;
  for (std::string line; std::getline(file, line);) insert_reference(references, line);
  if (file.bad()) return system_error(EIO, kPath);
  return references;
}

Result<AddressSet> multicast_references(const Link& link) {
  auto all = multicast_references();
  if (!all) return std::unexpected(all.error());
  return std::move((*all)[link.ifindex]);
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
