// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/link_monitor.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <memory>

#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

constexpr std::uint16_t kRxFilter = 66;

class LinkEventTest : public testing::Test {
 protected:
  void begin(std::uint16_t type, unsigned char family = AF_UNSPEC) {
    message_ = std::make_unique<Message>(type, 0);
    message_->put_fixed(ifinfomsg{.ifi_family = family, .ifi_type = ARPHRD_ETHER, .ifi_index = 7});
    message_->put_text(IFLA_IFNAME, "eth7");
  }

  std::optional<LinkEvent> heard(std::optional<std::uint16_t> rx_filter = kRxFilter) {
    const auto event = decode_link_event(*message_->header(), rx_filter);
    EXPECT_TRUE(event) << event.error().text;
    return event ? *event : std::nullopt;
  }

  std::unique_ptr<Message> message_;
};

TEST_F(LinkEventTest, NewLinkIsThere) {
  begin(RTM_NEWLINK);
  const auto event = heard();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->link.ifindex, 7U);
  EXPECT_EQ(event->link.name, "eth7");
  EXPECT_FALSE(event->gone || event->moved || event->rx_filter);
}

TEST_F(LinkEventTest, DeletedOrMovedIsGone) {
  begin(RTM_DELLINK);
  EXPECT_TRUE(heard()->gone);
  EXPECT_FALSE(heard()->moved);
  message_->put_u32(IFLA_NEW_NETNSID, 3);
  EXPECT_TRUE(heard()->gone);
  EXPECT_TRUE(heard()->moved);
}

TEST_F(LinkEventTest, TellsOfTheFilterUnderTheNumberOfThisKernelOnly) {
  begin(RTM_NEWLINK);
  message_->put_nest(kRxFilter, [] {});
  EXPECT_TRUE(heard()->rx_filter);
  EXPECT_FALSE(heard(kRxFilter + 1)->rx_filter);
  EXPECT_FALSE(heard(std::nullopt)->rx_filter) << "a stock kernel has something else there";
}

// A bridge tells of its ports like this, and a port that leaves is no link that is gone.
TEST_F(LinkEventTest, BridgePortsAreNoLinks) {
  begin(RTM_DELLINK, AF_BRIDGE);
  EXPECT_FALSE(heard());
}

TEST_F(LinkEventTest, OtherMessagesAreNone) {
  begin(RTM_NEWADDR);
  EXPECT_FALSE(heard());
}

TEST_F(LinkEventTest, AttributeOfTheWrongLengthIsAnError) {
  begin(RTM_NEWLINK);
  message_->put_text(IFLA_LINK, "x");
  const auto event = decode_link_event(*message_->header(), kRxFilter);
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, EBADMSG);
}

TEST(WithoutAttribute, LeavesTheOthersAsTheyWere) {
  Message with(RTM_NEWLINK, 0);
  Message without(RTM_NEWLINK, 0);
  for (Message* message : {&with, &without}) message->put_fixed(ifinfomsg{.ifi_index = 7});
  with.put_nest(kRxFilter, [] {});
  for (Message* message : {&with, &without}) message->put_text(IFLA_IFNAME, "eth77");
  with.put_u32(kRxFilter, 1);
  for (Message* message : {&with, &without}) message->put_u32(IFLA_MTU, 1500);
  const auto bytes = [](const Message& message) { return LinkMessage(message.bytes().begin(), message.bytes().end()); };
  EXPECT_EQ(without_attribute(bytes(with), kRxFilter), bytes(without));
  EXPECT_EQ(without_attribute(bytes(without), kRxFilter), bytes(without));
}

std::optional<TcEvent> heard_of(std::uint16_t type, std::uint32_t parent, std::uint32_t info) {
  Message message(type, 0);
  message.put_fixed(tcmsg{.tcm_ifindex = 7, .tcm_parent = parent, .tcm_info = info});
  const auto event = decode_tc_event(*message.header());
  EXPECT_TRUE(event) << event.error().text;
  return event ? *event : std::nullopt;
}

TEST(TcEventTest, AFilterOfAHookIsTold) {
  for (const std::uint16_t type : {RTM_NEWTFILTER, RTM_DELTFILTER})
    for (const std::uint32_t minor : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS, 0U})
      EXPECT_EQ(heard_of(type, TC_H_MAKE(TC_H_CLSACT, minor), 100U << 16 | 0x0300),
                (TcEvent{.ifindex = 7, .priority = 100}));
}

TEST(TcEventTest, TheQdiscIsToldWithoutAPriority) {
  for (const std::uint16_t type : {RTM_NEWQDISC, RTM_DELQDISC})
    EXPECT_EQ(heard_of(type, TC_H_CLSACT, 1), (TcEvent{.ifindex = 7}));
}

TEST(TcEventTest, TheTransmitPathIsNot) {
  EXPECT_FALSE(heard_of(RTM_NEWQDISC, TC_H_ROOT, 2));
  EXPECT_FALSE(heard_of(RTM_NEWTFILTER, TC_H_MAKE(1U << 16, 0), 100U << 16));
  EXPECT_FALSE(heard_of(RTM_NEWLINK, TC_H_CLSACT, 0));
}

}  // namespace
}  // namespace rxf::netlink
