// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/packet.h"

#include <gtest/gtest.h>

namespace rxf::test {
namespace {

constexpr MacAddress kAddress = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr VlanTag kCustomer42 = {kTpidCustomer, 42};
constexpr VlanTag kAllBits = {kTpidCustomer, 0xffff};
constexpr VlanTag kService44 = {kTpidService, 44};

TEST(PacketTest, BytesAreInWireOrder) {
  const Bytes bytes = to_bytes({.destination = {{1, 2, 3, 4, 5, 6}},
                                .source = {{7, 8, 9, 10, 11, 12}},
                                .tags = {{kTpidService, 0x2123}, {kTpidCustomer, 42}},
                                .ether_type = 0x0800,
                                .payload = {0xee}});
  const Bytes start = {1,    2,    3,    4,    5,    6,    7,    8,  9,    10,   11,   12,
                       0x88, 0xa8, 0x21, 0x23, 0x81, 0x00, 0x00, 42, 0x08, 0x00, 0xee, 0x00};
  ASSERT_EQ(bytes.size(), kMinimumFrame);
  EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(start.size())), start);
}

TEST(PacketTest, ParsesWhatItBuilds) {
  Packet packet{.destination = kAddress, .tags = {kService44, kAllBits}, .payload = Bytes(100, 0x55)};
  EXPECT_EQ(parse_packet(to_bytes(packet)), packet);
  EXPECT_EQ(to_string(packet),
            "02:aa:00:00:00:01 < 02:00:00:00:00:5e, 802.1ad 44, 802.1Q 4095 (TCI 0xffff), 0x88b5, 100 bytes");
}

TEST(PacketTest, TruncatedFramesAreNoPackets) {
  const Bytes bytes = to_bytes({.destination = kAddress, .tags = {kCustomer42}});
  for (std::size_t size = 0; size < 18; ++size) EXPECT_FALSE(parse_packet(std::span(bytes).first(size))) << size;
  EXPECT_TRUE(parse_packet(std::span(bytes).first(18)));
}

TEST(PacketTest, MarkersAreFoundWholeOrNotAtAll) {
  const Bytes bytes = to_bytes({.tags = {kCustomer42}, .payload = to_payload({.kind = 0xfedcba98, .sequence = ~0ULL})});
  EXPECT_EQ(find_marker(bytes), (Marker{0xfedcba98, ~0ULL}));
  EXPECT_FALSE(find_marker(std::span(bytes).first(18 + 15)));
  EXPECT_FALSE(find_marker(to_bytes({.payload = {'R', 'X', 'F', '2'}})));
}

}  // namespace
}  // namespace rxf::test
