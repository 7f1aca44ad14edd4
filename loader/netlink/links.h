// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/model/mac_address.h"
#include "loader/model/snapshot.h"
#include "loader/netlink/message.h"
#include "loader/netlink/socket.h"

namespace rxf::netlink {

// One link as RTM_GETLINK reports it (rtnetlink(7)).
struct Link {
  std::uint32_t ifindex = 0;
  std::string name;
  std::string kind;                    // IFLA_INFO_KIND: "veth", "macvtap"; empty for a plain device
  std::optional<std::uint32_t> lower;  // IFLA_LINK, where it is in this namespace
  bool lower_elsewhere = false;        // IFLA_LINK_NETNSID present: the lower device is in another namespace
  std::uint32_t flags = 0;             // IFF_*
  MacAddress address;                  // all-zero where it has none
  bool ethernet = false;               // ARPHRD_ETHER
  bool loopback = false;
  std::uint32_t promiscuity = 0;              // IFLA_PROMISCUITY
  std::optional<std::uint32_t> allmulti;      // IFLA_ALLMULTI; absent before Linux 6.0
  std::optional<UpperMode> upper_mode;        // macvlan and macvtap
  bool nopromisc = false;                     // MACVLAN_FLAG_NOPROMISC
  std::optional<std::uint16_t> vlan;          // kind "vlan": its VID, where its protocol is 802.1Q
  std::optional<std::uint16_t> service_vlan;  // the same for 802.1ad

  [[nodiscard]] bool is_upper() const { return upper_mode.has_value(); }
  [[nodiscard]] bool is_up() const;
};

// Which link is meant.
struct LinkName {
  std::uint32_t ifindex = 0;  // 0: by name
  std::string name{};         // or alternative name

  bool operator==(const LinkName&) const = default;
};

// "no such device: NAME", ENODEV, for what no device can be called: the kernel would take it for another one.
Result<void> check_name(const LinkName& which);
// The fixed part of a request about that link, and its name.
void put_name(Message& request, const LinkName& which);

// Every link of the socket's namespace. Repeats an interrupted dump, up to 8 times.
Result<std::vector<Link>> links(Socket& socket);

// Error text "no such device: NAME" (code ENODEV, exit refused) where there is none. Also found by an alternative name.
Result<Link> link_by_name(Socket& socket, const std::string& name);
Result<Link> link_by_index(Socket& socket, std::uint32_t ifindex);
Result<Link> find_link(Socket& socket, const LinkName& which);

// Has the kernel load the macvlan module, if it is one and is not there: the programs are fitted to its types. Makes no
// device. Where there is no such module there is no upper either, so that a failure matters to nobody.
void load_macvlan(Socket& socket);

// The kernel's RTM_NEWLINK, whole, as it comes.
using LinkMessage = std::vector<std::uint8_t>;
Result<LinkMessage> link_message(Socket& socket, const LinkName& which);
Result<std::vector<LinkMessage>> link_messages(Socket& socket);

// The same without the attributes of that type.
[[nodiscard]] LinkMessage without_attribute(const LinkMessage& message, std::uint16_t type);

// A flag of a link by which it receives more than what it listed.
struct ReceiveFlag {
  std::uint32_t bit;  // IFF_*
  const char* name;
};
inline constexpr ReceiveFlag kAllmulti = {0x200, "allmulti"};
inline constexpr ReceiveFlag kPromisc = {0x100, "promisc"};

// Switches such a flag, as `ip link set LINK allmulticast` and `promisc` do.
Result<void> set_flag(Socket& socket, const Link& link, const ReceiveFlag& flag, bool on);

// Has the link's driver take over its address lists again; changes nothing else, and nothing while the link is down.
Result<void> reload_lists(Socket& socket, const Link& link);

}  // namespace rxf::netlink
