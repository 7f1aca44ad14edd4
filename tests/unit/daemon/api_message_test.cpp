// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_message.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "tests/support/fake_api_backend.h"

namespace rxf::daemon {
namespace {

constexpr nlmsghdr kRequest = {
    .nlmsg_len = 0x24, .nlmsg_type = RTM_SETLINK, .nlmsg_flags = 5, .nlmsg_seq = 0x01020304, .nlmsg_pid = 7};

Packet packet(std::initializer_list<int> bytes) { return {bytes.begin(), bytes.end()}; }

TEST(ApiMessage, Acknowledgement) {
  EXPECT_EQ(acknowledgement(kRequest), packet({36,   0, 0, 0, 2,  0, 0, 1, 4, 3, 2, 1, 7, 0, 0, 0,  // NLM_F_CAPPED
                                               0,    0, 0, 0,                                       //
                                               0x24, 0, 0, 0, 19, 0, 5, 0, 4, 3, 2, 1, 7, 0, 0, 0}));
}

TEST(ApiMessage, AcknowledgementWithAWarning) {
  EXPECT_EQ(acknowledgement(kRequest, "hm"),
            packet({44,   0, 0, 0, 2,  0, 0, 3, 4, 3, 2, 1, 7, 0, 0, 0,  // NLM_F_CAPPED, NLM_F_ACK_TLVS
                    0,    0, 0, 0,                                       //
                    0x24, 0, 0, 0, 19, 0, 5, 0, 4, 3, 2, 1, 7, 0, 0, 0, 7, 0, 1, 0, 'h', 'm', 0, 0}));
}

TEST(ApiMessage, Refusal) {
  EXPECT_EQ(refusal(kRequest, {.code = EINVAL, .text = "no", .offset = 48}),
            packet({52,   0,    0,    0,    2,   0,   0, 3, 4, 3, 2, 1, 7, 0, 0, 0,  //
                    0xea, 0xff, 0xff, 0xff,                                          // -22
                    0x24, 0,    0,    0,    19,  0,   5, 0, 4, 3, 2, 1, 7, 0, 0, 0,  //
                    7,    0,    1,    0,    'n', 'o', 0, 0,                          // NLMSGERR_ATTR_MSG
                    8,    0,    2,    0,    48,  0,   0, 0}));                       // NLMSGERR_ATTR_OFFS
}

TEST(ApiMessage, NewLinkHasTheKernelsBytesFirst) {
  test::FakeApiBackend backend;
  const ApiLink& link = backend.link(test::FakeApiBackend::kUpper);
  EXPECT_EQ(new_link(link, false), link.message);
  Packet expected = link.message;
  expected.insert(expected.end(), {4, 0, 66, 0x80});
  expected[0] = static_cast<std::uint8_t>(expected.size());
  EXPECT_EQ(new_link(link, true), expected);
  const ApiLink& nic = backend.link(test::FakeApiBackend::kNic);
  EXPECT_EQ(new_link(nic, true), nic.message);
}

TEST(ApiMessage, LargestFilterFits) {
  test::FakeApiBackend backend;
  ApiLink& link = backend.link(test::FakeApiBackend::kUpper);
  link.filter = FilterSet{.addresses = AddressFilter{}, .vlans = VlanSet()};
  for (std::size_t i = 0; i < FilterSet::kMaxAddresses; ++i) {
    link.filter->addresses->unicast.insert(
        {{2, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}});
  }
  // The half and both lists are nests of 4 bytes, the flags 8, an address 12; the VLANs 4 and 516.
  EXPECT_EQ(new_link(link, true).size(), link.message.size() + 4 + 4 + 8 + 4 + 1024 * 12 + 4 + 4 + 516);
}

TEST(ApiMessage, DeletedAndDepartedLinks) {
  EXPECT_EQ(deleted_link(9, "a"), packet({40, 0, 0, 0, 17,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                          0,  0, 0, 0, 9,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                          6,  0, 3, 0, 'a', 0, 0, 0}));
  EXPECT_EQ(departed_link(9, "a"), packet({44, 0, 0, 0, 16,  0, 0, 0, 0, 0, 0,  0,   0, 0, 0, 0,  //
                                           0,  0, 0, 0, 9,   0, 0, 0, 0, 0, 0,  0,   0, 0, 0, 0,  //
                                           6,  0, 3, 0, 'a', 0, 0, 0, 4, 0, 66, 0x80}));
}

TEST(ApiMessage, EndOfDumpAndOverrun) {
  EXPECT_EQ(answering(kRequest, end_of_dump()), packet({20, 0, 0, 0, 3, 0, 2, 0, 4, 3, 2, 1, 7, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(overrun(), packet({16, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(ApiMessage, AnsweringTakesSequenceAndPort) {
  EXPECT_EQ(answering(kRequest, overrun(), NLM_F_MULTI), packet({16, 0, 0, 0, 4, 0, 2, 0, 4, 3, 2, 1, 7, 0, 0, 0}));
}

}  // namespace
}  // namespace rxf::daemon
