// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/netdev.h"

#include <linux/genetlink.h>

#include <array>
#include <cerrno>

#include "loader/netlink/generic.h"
#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

// <linux/netdev.h>, which the headers of Linux 6.1 do not have.
constexpr const char* kFamily = "netdev";
constexpr std::uint8_t kFamilyVersion = 1;
constexpr std::uint8_t kDevGet = 1;              // NETDEV_CMD_DEV_GET
constexpr std::uint16_t kDevIfindex = 1;         // NETDEV_A_DEV_IFINDEX
constexpr std::uint16_t kDevXdpFeatures = 3;     // NETDEV_A_DEV_XDP_FEATURES
constexpr std::uint64_t kActBasic = 1U << 0;     // NETDEV_XDP_ACT_BASIC
constexpr std::uint64_t kActRedirect = 1U << 1;  // NETDEV_XDP_ACT_REDIRECT
constexpr std::uint64_t kActRxSg = 1U << 5;      // NETDEV_XDP_ACT_RX_SG

constexpr std::array kDevFields = {Field{kDevXdpFeatures, sizeof(std::uint64_t), "NETDEV_A_DEV_XDP_FEATURES"}};

XdpFeatures decode(std::uint64_t bits) {
  return {.basic = (bits & kActBasic) != 0, .redirect = (bits & kActRedirect) != 0, .frags = (bits & kActRxSg) != 0};
}

Result<XdpFeatures> request_features(const Link& link) {
  auto socket = Socket::open(NETLINK_GENERIC);
  if (!socket) return std::unexpected(socket.error());
  const auto family = family_id(*socket, kFamily);
  if (!family && family.error().code == ENOENT)
    return std::unexpected(
        Error{.text = "this kernel does not tell what drivers offer: that takes Linux 6.3", .code = ENOTSUP});
  if (!family) return std::unexpected(family.error());

  Message request(*family, 0);
  request.put_fixed(genlmsghdr{.cmd = kDevGet, .version = kFamilyVersion});
  request.put_u32(kDevIfindex, link.ifindex);
  XdpFeatures features;
  const auto got = socket->request(request.header(), [&](const nlmsghdr& message) -> Result<void> {
    const auto attributes = generic_attributes(message, kDevFields);
    if (!attributes) return std::unexpected(attributes.error());
    features = decode(attributes->number<std::uint64_t>(kDevXdpFeatures).value_or(0));
    return {};
  });
  if (!got) return std::unexpected(got.error());
  return features;
}

}  // namespace

Result<XdpFeatures> xdp_features(const Link& link) {
  auto features = request_features(link);
  if (!features) return wrap(features.error(), "XDP features of " + link.name);
  return features;
}

}  // namespace rxf::netlink
