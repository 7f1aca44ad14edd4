// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/link_message.h"

#include <endian.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <array>

#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

constexpr std::array kLinkFields = {
    Field{IFLA_IFNAME, Field::kAnySize, "IFLA_IFNAME"},
    Field{IFLA_ADDRESS, Field::kAnySize, "IFLA_ADDRESS"},
    Field{IFLA_LINK, sizeof(std::uint32_t), "IFLA_LINK"},
    Field{IFLA_LINK_NETNSID, sizeof(std::int32_t), "IFLA_LINK_NETNSID"},
    Field{IFLA_PROMISCUITY, sizeof(std::uint32_t), "IFLA_PROMISCUITY"},
    Field{IFLA_ALLMULTI, sizeof(std::uint32_t), "IFLA_ALLMULTI"},
    Field{IFLA_LINKINFO, Field::kAnySize, "IFLA_LINKINFO"},
};
constexpr std::array kInfoFields = {
    Field{IFLA_INFO_KIND, Field::kAnySize, "IFLA_INFO_KIND"},
    Field{IFLA_INFO_DATA, Field::kAnySize, "IFLA_INFO_DATA"},
};
constexpr std::array kMacvlanFields = {
    Field{IFLA_MACVLAN_MODE, sizeof(std::uint32_t), "IFLA_MACVLAN_MODE"},
    Field{IFLA_MACVLAN_FLAGS, sizeof(std::uint16_t), "IFLA_MACVLAN_FLAGS"},
};
constexpr std::array kVlanFields = {
    Field{IFLA_VLAN_ID, sizeof(std::uint16_t), "IFLA_VLAN_ID"},
    Field{IFLA_VLAN_PROTOCOL, sizeof(std::uint16_t), "IFLA_VLAN_PROTOCOL"},
};

std::optional<UpperMode> upper_mode(std::uint32_t mode) {
  switch (mode) {
    case MACVLAN_MODE_PRIVATE:
      return UpperMode::private_;
    case MACVLAN_MODE_VEPA:
      return UpperMode::vepa;
    case MACVLAN_MODE_BRIDGE:
      return UpperMode::bridge;
    case MACVLAN_MODE_PASSTHRU:
      return UpperMode::passthru;
    case MACVLAN_MODE_SOURCE:
      return UpperMode::source;
    default:
      return std::nullopt;
  }
}

Result<void> read_macvlan(Link& link, Bytes data) {
  const auto macvlan = Attributes::parse(data, kMacvlanFields);
  if (!macvlan) return std::unexpected(macvlan.error());
  link.upper_mode = upper_mode(macvlan->number<std::uint32_t>(IFLA_MACVLAN_MODE).value_or(0));
  const auto flags = macvlan->number<std::uint16_t>(IFLA_MACVLAN_FLAGS).value_or(0);
  link.nopromisc = (flags & MACVLAN_FLAG_NOPROMISC) != 0;
  return {};
}

Result<void> read_vlan(Link& link, Bytes data) {
  const auto vlan = Attributes::parse(data, kVlanFields);
  if (!vlan) return std::unexpected(vlan.error());
  const auto protocol = vlan->number<std::uint16_t>(IFLA_VLAN_PROTOCOL).value_or(htobe16(ETH_P_8021Q));
  (protocol == htobe16(ETH_P_8021AD) ? link.service_vlan : link.vlan) = vlan->number<std::uint16_t>(IFLA_VLAN_ID);
  return {};
}

Result<void> read_info(Link& link, Bytes info) {
  const auto attributes = Attributes::parse(info, kInfoFields);
  if (!attributes) return std::unexpected(attributes.error());
  link.kind = attributes->text(IFLA_INFO_KIND);
  const Bytes data = attributes->payload(IFLA_INFO_DATA);
  if (link.kind == "macvlan" || link.kind == "macvtap") return read_macvlan(link, data);
  if (link.kind == "vlan") return read_vlan(link, data);
  return {};
}

void read_lower(Link& link, const Attributes& attributes) {
  link.lower_elsewhere = attributes.has(IFLA_LINK_NETNSID);
  const auto lower = attributes.number<std::uint32_t>(IFLA_LINK).value_or(0);
  if (lower != 0 && !link.lower_elsewhere) link.lower = lower;
}

}  // namespace

Result<Link> decode_link(const nlmsghdr& message) {
  const auto body = body_of<ifinfomsg>(message);
  if (!body) return std::unexpected(body.error());
  const auto attributes = Attributes::parse(body->attributes, kLinkFields);
  if (!attributes) return std::unexpected(attributes.error());

  Link link;
  link.ifindex = static_cast<std::uint32_t>(body->fixed.ifi_index);
  link.flags = body->fixed.ifi_flags;
  link.ethernet = body->fixed.ifi_type == ARPHRD_ETHER;
  link.loopback = (link.flags & IFF_LOOPBACK) != 0;
  link.name = attributes->text(IFLA_IFNAME);
  const Bytes address = attributes->payload(IFLA_ADDRESS);
  if (address.size() == ETH_ALEN) link.address = MacAddress::from_bytes(address);
  link.promiscuity = attributes->number<std::uint32_t>(IFLA_PROMISCUITY).value_or(0);
  link.allmulti = attributes->number<std::uint32_t>(IFLA_ALLMULTI);
  read_lower(link, *attributes);
  if (auto read = read_info(link, attributes->payload(IFLA_LINKINFO)); !read) return wrap(read.error(), link.name);
  return link;
}

}  // namespace rxf::netlink
