// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/ethtool.h"

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/sockios.h>

#include <array>
#include <cerrno>

#include "loader/netlink/message.h"
#include "loader/netlink/system.h"

namespace rxf::netlink {
namespace {

constexpr std::array kFamilyFields = {Field{CTRL_ATTR_FAMILY_ID, sizeof(std::uint16_t), "CTRL_ATTR_FAMILY_ID"}};
constexpr std::array kFeaturesFields = {Field{ETHTOOL_A_FEATURES_ACTIVE, Field::kAnySize, "ETHTOOL_A_FEATURES_ACTIVE"}};
constexpr std::array kBitsetFields = {
    Field{ETHTOOL_A_BITSET_NOMASK, Field::kAnySize, "ETHTOOL_A_BITSET_NOMASK"},
    Field{ETHTOOL_A_BITSET_BITS, Field::kAnySize, "ETHTOOL_A_BITSET_BITS"},
};
constexpr std::array kBitFields = {
    Field{ETHTOOL_A_BITSET_BIT_NAME, Field::kAnySize, "ETHTOOL_A_BITSET_BIT_NAME"},
    Field{ETHTOOL_A_BITSET_BIT_VALUE, Field::kAnySize, "ETHTOOL_A_BITSET_BIT_VALUE"},
};

Result<Attributes> generic_attributes(const nlmsghdr& message, std::span<const Field> fields) {
  const auto body = body_of<genlmsghdr>(message);
  if (!body) return std::unexpected(body.error());
  return Attributes::parse(body->attributes, fields);
}

Result<std::uint16_t> family_id(Socket& socket, const std::string& family) {
  Message request(GENL_ID_CTRL, 0);
  request.put_fixed(genlmsghdr{.cmd = CTRL_CMD_GETFAMILY, .version = 1});
  request.put_text(CTRL_ATTR_FAMILY_NAME, family);
  std::uint16_t id = 0;
  const auto found = socket.request(request.header(), [&](const nlmsghdr& message) -> Result<void> {
    const auto attributes = generic_attributes(message, kFamilyFields);
    if (!attributes) return std::unexpected(attributes.error());
    id = attributes->number<std::uint16_t>(CTRL_ATTR_FAMILY_ID).value_or(0);
    return {};
  });
  if (!found) return wrap(found.error(), "generic netlink family \"" + family + "\"");
  if (id == 0) return system_error(ENOENT, "generic netlink family \"" + family + "\"");
  return id;
}

// A bitset with a mask lists the bits of the mask and marks those that are on; one without lists those that are on
// (Documentation/networking/ethtool-netlink.rst, "Bit sets").
Result<std::set<std::string>> names_of_bits(Bytes bitset) {
  const auto attributes = Attributes::parse(bitset, kBitsetFields);
  if (!attributes) return std::unexpected(attributes.error());
  const bool all_on = attributes->has(ETHTOOL_A_BITSET_NOMASK);

  std::set<std::string> names;
  Bytes bits = attributes->payload(ETHTOOL_A_BITSET_BITS);
  while (const auto nest = take_attribute(bits)) {
    const auto bit = Attributes::parse(nest->payload, kBitFields);
    if (!bit) return std::unexpected(bit.error());
    if (all_on || bit->has(ETHTOOL_A_BITSET_BIT_VALUE)) names.insert(bit->text(ETHTOOL_A_BITSET_BIT_NAME));
  }
  return names;
}

Result<std::set<std::string>> read_features(const nlmsghdr& message) {
  const auto attributes = generic_attributes(message, kFeaturesFields);
  if (!attributes) return std::unexpected(attributes.error());
  return names_of_bits(attributes->payload(ETHTOOL_A_FEATURES_ACTIVE));
}

Result<std::set<std::string>> request_features(const Link& link) {
  auto socket = Socket::open(NETLINK_GENERIC);
  if (!socket) return std::unexpected(socket.error());
  const auto family = family_id(*socket, ETHTOOL_GENL_NAME);
  if (!family) return std::unexpected(family.error());

  Message request(*family, 0);
  request.put_fixed(genlmsghdr{.cmd = ETHTOOL_MSG_FEATURES_GET, .version = ETHTOOL_GENL_VERSION});
  request.put_nest(ETHTOOL_A_FEATURES_HEADER, [&] { request.put_u32(ETHTOOL_A_HEADER_DEV_INDEX, link.ifindex); });
  std::set<std::string> names;
  const auto got = socket->request(request.header(), [&](const nlmsghdr& message) -> Result<void> {
    auto features = read_features(message);
    if (!features) return std::unexpected(features.error());
    names = std::move(*features);
    return {};
  });
  if (!got && got.error().code != EOPNOTSUPP) return std::unexpected(got.error());
  return names;
}

}  // namespace

Result<std::set<std::string>> active_features(const Link& link) {
  auto names = request_features(link);
  if (!names) return wrap(names.error(), "offloads of " + link.name);
  return names;
}

Result<std::string> driver(const Link& link) {
  ethtool_drvinfo info{.cmd = ETHTOOL_GDRVINFO};
  ifreq request{};
  request.ifr_data = &info;
  const auto got = device_ioctl(link, SIOCETHTOOL, request);
  if (!got && got.error().code == EOPNOTSUPP) return "";
  if (!got) return wrap(got.error(), "driver");
  return std::string(info.driver, ::strnlen(info.driver, sizeof(info.driver)));
}

}  // namespace rxf::netlink
