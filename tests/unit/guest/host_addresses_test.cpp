// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/host_addresses.h"

#include <gtest/gtest.h>

namespace rxf::guest {
namespace {

using daemon::ApiLinkAnswer;
using netlink::Link;

constexpr MacAddress address(std::uint8_t number) { return {{0x02, 0xaa, 0, 0, 0, number}}; }

Link device(std::uint32_t ifindex, const char* name, std::uint8_t number) {
  return {.ifindex = ifindex, .name = name, .address = address(number), .ethernet = true};
}

Link upper(std::uint32_t ifindex, const char* name, std::uint8_t number, std::uint32_t lower,
           UpperMode mode = UpperMode::bridge) {
  Link link = device(ifindex, name, number);
  link.lower = lower;
  link.upper_mode = mode;
  return link;
}

ApiLinkAnswer filtered(const Link& link, AddressSet unicast) {
  return {.ifindex = link.ifindex,
          .name = link.name,
          .filter = FilterSet{.addresses = AddressFilter{.unicast = std::move(unicast)}}};
}

TEST(HostAddresses, OfEveryDeviceButItself) {
  const Link own = upper(5, "macvtap0", 5, 2);
  const Owners owners = host_addresses(own, {device(2, "eth2", 2), device(3, "br0", 3), own}, {});
  EXPECT_EQ(owners, (Owners{{address(2), "eth2"}, {address(3), "br0"}}));
}

TEST(HostAddresses, NotOfTheLowerDeviceInPassthru) {
  const Link own = upper(5, "macvtap0", 2, 2, UpperMode::passthru);
  const Owners owners = host_addresses(own, {device(2, "eth2", 2), device(3, "br0", 3), own}, {});
  EXPECT_EQ(owners, (Owners{{address(3), "br0"}}));
}

TEST(HostAddresses, OfSiblingsFilterSetsToo) {
  const Link own = upper(5, "macvtap0", 5, 2);
  const Link sibling = upper(6, "macvtap1", 6, 2);
  const Link elsewhere = upper(7, "macvtap2", 7, 3);
  const Owners owners = host_addresses(
      own, {own, sibling, elsewhere},
      {filtered(own, {address(50)}), filtered(sibling, {address(60)}), filtered(elsewhere, {address(70)})});
  EXPECT_EQ(owners, (Owners{{address(6), "macvtap1"}, {address(60), "macvtap1"}, {address(7), "macvtap2"}}));
}

TEST(HostAddresses, NotOfWhatHasNone) {
  Link tunnel = device(3, "tun0", 3);
  tunnel.ethernet = false;
  const Link own = upper(5, "macvtap0", 5, 2);
  const Link sibling = upper(6, "macvtap1", 6, 2);
  Link loopback = device(1, "lo", 0);
  loopback.address = {};
  EXPECT_EQ(host_addresses(own, {loopback, tunnel, own}, {}), Owners{});
  EXPECT_EQ(host_addresses(own, {own, sibling}, {{.ifindex = 6, .name = "macvtap1", .filter = FilterSet{}}}),
            (Owners{{address(6), "macvtap1"}}));
}

// Its lower device cannot be seen, nor who else is on it.
TEST(HostAddresses, OfAnUpperWhoseLowerDeviceIsInAnotherNamespace) {
  Link own = upper(5, "macvtap0", 5, 2, UpperMode::passthru);
  own.lower.reset();
  own.lower_elsewhere = true;
  Link other = upper(6, "macvtap1", 6, 2);
  other.lower.reset();
  other.lower_elsewhere = true;
  const Owners owners = host_addresses(own, {own, other}, {filtered(other, {address(60)})});
  EXPECT_EQ(owners, (Owners{{address(6), "macvtap1"}}));
}

}  // namespace
}  // namespace rxf::guest
