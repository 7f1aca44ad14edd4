// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/ethtool.h"

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/sockios.h>

#include <array>
#include <cerrno>
#include <utility>

#include "loader/netlink/generic.h"
#include "loader/netlink/message.h"
#include "loader/netlink/system.h"

namespace rxf::netlink {
namespace {

constexpr std::array kFeaturesFields = {
    Field{ETHTOOL_A_FEATURES_HW, Field::kAnySize, "ETHTOOL_A_FEATURES_HW"},
    Field{ETHTOOL_A_FEATURES_WANTED, Field::kAnySize, "ETHTOOL_A_FEATURES_WANTED"},
    Field{ETHTOOL_A_FEATURES_ACTIVE, Field::kAnySize, "ETHTOOL_A_FEATURES_ACTIVE"},
    Field{ETHTOOL_A_FEATURES_NOCHANGE, Field::kAnySize, "ETHTOOL_A_FEATURES_NOCHANGE"},
};
constexpr std::array kBitsetFields = {
    Field{ETHTOOL_A_BITSET_NOMASK, Field::kAnySize, "ETHTOOL_A_BITSET_NOMASK"},
    Field{ETHTOOL_A_BITSET_BITS, Field::kAnySize, "ETHTOOL_A_BITSET_BITS"},
};
constexpr std::array kBitFields = {
    Field{ETHTOOL_A_BITSET_BIT_NAME, Field::kAnySize, "ETHTOOL_A_BITSET_BIT_NAME"},
    Field{ETHTOOL_A_BITSET_BIT_VALUE, Field::kAnySize, "ETHTOOL_A_BITSET_BIT_VALUE"},
};

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

Result<Features> read_features(const nlmsghdr& message) {
  const auto attributes = generic_attributes(message, kFeaturesFields);
  if (!attributes) return std::unexpected(attributes.error());
  Features features;
  const std::array<std::pair<std::uint16_t, std::set<std::string>*>, 4> sets = {{
      {ETHTOOL_A_FEATURES_HW, &features.changeable},
      {ETHTOOL_A_FEATURES_WANTED, &features.wanted},
      {ETHTOOL_A_FEATURES_ACTIVE, &features.active},
      {ETHTOOL_A_FEATURES_NOCHANGE, &features.never_changing},
  }};
  for (const auto& [type, set] : sets) {
    auto names = names_of_bits(attributes->payload(type));
    if (!names) return std::unexpected(names.error());
    *set = std::move(*names);
  }
  return features;
}

Result<Features> request_features(const Link& link) {
  auto socket = Socket::open(NETLINK_GENERIC);
  if (!socket) return std::unexpected(socket.error());
  const auto family = family_id(*socket, ETHTOOL_GENL_NAME);
  if (!family) return std::unexpected(family.error());

  Message request(*family, 0);
  request.put_fixed(genlmsghdr{.cmd = ETHTOOL_MSG_FEATURES_GET, .version = ETHTOOL_GENL_VERSION});
  request.put_nest(ETHTOOL_A_FEATURES_HEADER, [&] { request.put_u32(ETHTOOL_A_HEADER_DEV_INDEX, link.ifindex); });
  Features features;
  const auto got = socket->request(request.header(), [&](const nlmsghdr& message) -> Result<void> {
    auto read = read_features(message);
    if (!read) return std::unexpected(read.error());
    features = std::move(*read);
    return {};
  });
  if (!got && got.error().code != EOPNOTSUPP) return std::unexpected(got.error());
  return features;
}

}  // namespace

Feature Features::of(const std::string& name) const {
  return {.on = active.contains(name),
          .wanted = wanted.contains(name),
          .changeable = changeable.contains(name) && !never_changing.contains(name)};
}

Result<Features> features(const Link& link) {
  auto found = request_features(link);
  if (!found) return wrap(found.error(), "offloads of " + link.name);
  return found;
}

Result<std::set<std::string>> active_features(const Link& link) {
  auto found = features(link);
  if (!found) return std::unexpected(found.error());
  return std::move(found->active);
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
