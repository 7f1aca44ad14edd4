// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/link_message.h"

#include <endian.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

#include <array>
#include <bit>
#include <cerrno>

#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

class LinkMessageTest : public testing::Test {
 protected:
  LinkMessageTest() {
    message_.put_fixed(ifinfomsg{.ifi_type = ARPHRD_ETHER, .ifi_index = 7, .ifi_flags = IFF_UP});
    message_.put_text(IFLA_IFNAME, "eth7");
  }

  template <class T>
  void put_number(std::uint16_t type, T value) {
    message_.put(type, std::bit_cast<std::array<std::uint8_t, sizeof(T)>>(value));
  }

  template <class Fill>
  void put_kind(const char* kind, Fill fill_data) {
    message_.put_nest(IFLA_LINKINFO, [&] {
      message_.put_nest(IFLA_INFO_DATA, fill_data);
      message_.put_text(IFLA_INFO_KIND, kind);
    });
  }

  void put_vlan(std::uint16_t vid, std::uint16_t protocol) {
    put_kind("vlan", [&] {
      put_number(IFLA_VLAN_ID, vid);
      put_number(IFLA_VLAN_PROTOCOL, htobe16(protocol));
    });
  }

  Link decoded() {
    const auto link = decode_link(*message_.header());
    EXPECT_TRUE(link) << link.error().text;
    return link.value_or(Link{});
  }

  Message message_{RTM_NEWLINK, 0};
};

TEST_F(LinkMessageTest, WhatIsAbsentIsAbsent) {
  const Link link = decoded();
  EXPECT_EQ(link.ifindex, 7U);
  EXPECT_EQ(link.name, "eth7");
  EXPECT_EQ(link.kind, "");
  EXPECT_TRUE(link.is_up());
  EXPECT_TRUE(link.ethernet);
  EXPECT_TRUE(link.address.is_zero());
  EXPECT_FALSE(link.lower || link.lower_elsewhere || link.allmulti || link.upper_mode || link.vlan || link.nopromisc);
}

TEST_F(LinkMessageTest, CustomerVlanDevice) {
  put_vlan(42, ETH_P_8021Q);
  EXPECT_EQ(decoded().vlan, 42);
  EXPECT_EQ(decoded().kind, "vlan");
}

TEST_F(LinkMessageTest, ServiceVlanDeviceHasNoVidThatCounts) {
  put_vlan(42, ETH_P_8021AD);
  EXPECT_FALSE(decoded().vlan);
}

TEST_F(LinkMessageTest, VlanDeviceWithoutAProtocolIsACustomers) {
  put_kind("vlan", [this] { put_number(IFLA_VLAN_ID, std::uint16_t{42}); });
  EXPECT_EQ(decoded().vlan, 42);
}

TEST_F(LinkMessageTest, DataIsReadByKind) {
  put_kind("ipvlan", [this] { put_number(IFLA_MACVLAN_MODE, std::uint32_t{MACVLAN_MODE_PASSTHRU}); });
  EXPECT_FALSE(decoded().is_upper());
}

TEST_F(LinkMessageTest, CountsOfTheDevice) {
  put_number(IFLA_PROMISCUITY, std::uint32_t{3});
  put_number(IFLA_ALLMULTI, std::uint32_t{2});
  EXPECT_EQ(decoded().promiscuity, 3U);
  EXPECT_EQ(decoded().allmulti, 2U);
}

TEST_F(LinkMessageTest, LongAddressIsNone) {
  put_number(IFLA_ADDRESS, std::array<std::uint8_t, 20>{0xff});
  EXPECT_TRUE(decoded().address.is_zero());
}

TEST_F(LinkMessageTest, NameWithoutItsNulIsRead) {
  put_number(IFLA_IFNAME, std::array<char, 2>{'a', 'b'});
  EXPECT_EQ(decoded().name, "ab");
}

TEST_F(LinkMessageTest, WrongLengthIsNamed) {
  put_number(IFLA_PROMISCUITY, std::uint16_t{3});
  const auto link = decode_link(*message_.header());
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code, EBADMSG);
  EXPECT_TRUE(link.error().text.starts_with("IFLA_PROMISCUITY from the kernel has 2 bytes instead of 4"))
      << link.error().text;
}

TEST_F(LinkMessageTest, WrongLengthInANestIsNamed) {
  put_kind("macvtap", [this] { put_number(IFLA_MACVLAN_MODE, std::uint16_t{8}); });
  const auto link = decode_link(*message_.header());
  ASSERT_FALSE(link);
  EXPECT_TRUE(link.error().text.starts_with("eth7: IFLA_MACVLAN_MODE ")) << link.error().text;
}

TEST(LinkMessage, CutShort) {
  Message message(RTM_NEWLINK, 0);
  message.put_fixed(std::array<std::uint8_t, sizeof(ifinfomsg) - 1>{});
  message.header()->nlmsg_len -= 1;  // without the padding
  const auto link = decode_link(*message.header());
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code, EBADMSG);
}

}  // namespace
}  // namespace rxf::netlink
