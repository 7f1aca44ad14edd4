// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/frame.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tests/unit/model/values.h"

namespace rxf {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Vid = std::optional<std::uint16_t>;

const MacAddress kDestination = test::mac("02:aa:bb:cc:dd:01");

// Both addresses, and `rest` from the EtherType on.
Bytes bytes_with(const Bytes& rest) {
  constexpr std::array<std::uint8_t, 12> kAddresses = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01,
                                                       0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
  Bytes bytes(kAddresses.size() + rest.size());
  std::ranges::copy(rest, std::ranges::copy(kAddresses, bytes.begin()).out);
  return bytes;
}

struct ParseRow {
  const char* name;
  Bytes rest;
  std::optional<VlanTag> metadata;
  std::optional<VlanTag> tag;
  Vid vlan;
};

constexpr VlanTag kCustomer42 = {.tpid = kTpidCustomer, .tci = 42};
constexpr VlanTag kService42 = {.tpid = kTpidService, .tci = 42};

const ParseRow kParseRows[] = {
    {"Untagged", {0x08, 0x00, 0x45}, std::nullopt, std::nullopt, std::nullopt},
    {"HeaderOnly", {0x08, 0x00}, std::nullopt, std::nullopt, std::nullopt},
    {"CustomerTag", {0x81, 0x00, 0x00, 42, 0x08, 0x00}, std::nullopt, kCustomer42, Vid(42)},
    {"PriorityAndDeiAreNotVid",
     {0x81, 0x00, 0xf0, 42, 0x08, 0x00},
     std::nullopt,
     VlanTag{kTpidCustomer, 0xf02a},
     Vid(42)},
    {"LargestVid", {0x81, 0x00, 0x0f, 0xfe, 0x08, 0x00}, std::nullopt, VlanTag{kTpidCustomer, 4094}, Vid(4094)},
    {"PriorityTag", {0x81, 0x00, 0xe0, 0x00, 0x08, 0x00}, std::nullopt, std::nullopt, std::nullopt},
    {"ServiceTag", {0x88, 0xa8, 0x00, 42, 0x08, 0x00}, std::nullopt, kService42, std::nullopt},
    {"CustomerInService",
     {0x88, 0xa8, 0x00, 42, 0x81, 0x00, 0x00, 7, 0x08, 0x00},
     std::nullopt,
     kService42,
     std::nullopt},
    {"CustomerInCustomer", {0x81, 0x00, 0x00, 42, 0x81, 0x00, 0x00, 7, 0x08, 0x00}, std::nullopt, kCustomer42, Vid(42)},
    {"Stripped", {0x08, 0x00, 0x45}, kCustomer42, kCustomer42, Vid(42)},
    {"StrippedOutsideInner", {0x81, 0x00, 0x00, 7, 0x08, 0x00}, kCustomer42, kCustomer42, Vid(42)},
    {"StrippedServiceOutsideInner", {0x81, 0x00, 0x00, 7, 0x08, 0x00}, kService42, kService42, std::nullopt},
    {"StrippedPriorityOutsideInner",
     {0x81, 0x00, 0x00, 7, 0x08, 0x00},
     VlanTag{kTpidCustomer, 0},
     VlanTag{kTpidCustomer, 7},
     Vid(7)},
    {"CustomerInPriority",
     {0x81, 0x00, 0x00, 0, 0x81, 0x00, 0x00, 7, 0x08, 0x00},
     std::nullopt,
     VlanTag{kTpidCustomer, 7},
     Vid(7)},
    {"CustomerInServicePriority",
     {0x88, 0xa8, 0x20, 0, 0x81, 0x00, 0x00, 7, 0x08, 0x00},
     std::nullopt,
     VlanTag{kTpidCustomer, 7},
     Vid(7)},
    {"ServiceInPriority",
     {0x81, 0x00, 0x00, 0, 0x88, 0xa8, 0x00, 42, 0x81, 0x00, 0x00, 7, 0x08, 0x00},
     std::nullopt,
     kService42,
     std::nullopt},
    {"CustomerInTwoPriorities",
     {0x81, 0x00, 0x00, 0, 0x88, 0xa8, 0x00, 0, 0x81, 0x00, 0x00, 42, 0x08, 0x00},
     std::nullopt,
     kCustomer42,
     Vid(42)},
    {"TagCutAfterTpid", {0x81, 0x00}, std::nullopt, std::nullopt, std::nullopt},
    {"TagCutAfterTci", {0x81, 0x00, 0x00, 42}, std::nullopt, std::nullopt, std::nullopt},
    {"TagOneByteShort", {0x81, 0x00, 0x00, 42, 0x08}, std::nullopt, std::nullopt, std::nullopt},
    {"OldQinqTpidIsNoTag", {0x91, 0x00, 0x00, 42, 0x08, 0x00}, std::nullopt, std::nullopt, std::nullopt},
    {"SwappedTpidIsNoTag", {0x00, 0x81, 0x00, 42, 0x08, 0x00}, std::nullopt, std::nullopt, std::nullopt},
};

class FrameParse : public testing::TestWithParam<ParseRow> {};

TEST_P(FrameParse, Row) {
  const auto frame = parse_frame(bytes_with(GetParam().rest), GetParam().metadata);
  ASSERT_TRUE(frame) << frame.error().text;
  EXPECT_EQ(frame->destination, kDestination);
  EXPECT_EQ(frame->tag, GetParam().tag);
  EXPECT_EQ(frame->vlan(), GetParam().vlan);
}
INSTANTIATE_TEST_SUITE_P(Frames, FrameParse, testing::ValuesIn(kParseRows), test::kRowName);

struct ReachRow {
  const char* name;
  Bytes rest;
  std::optional<VlanTag> metadata;
  bool in_reach;
};

// So many priority tags, then `last`.
Bytes behind_priority_tags(std::size_t count, const Bytes& last) {
  Bytes rest;
  for (std::size_t i = 0; i < count; ++i) rest.insert(rest.end(), {0x81, 0x00, 0xe0, 0x00});
  rest.insert(rest.end(), last.begin(), last.end());
  return rest;
}

const Bytes kTag7 = {0x81, 0x00, 0x00, 7, 0x08, 0x00};

const ReachRow kReachRows[] = {
    {"LastInReach", behind_priority_tags(kTagsInReach - 1, kTag7), std::nullopt, true},
    {"FirstOutOfReach", behind_priority_tags(kTagsInReach, kTag7), std::nullopt, false},
    {"OnlyPriorityTags", behind_priority_tags(kTagsInReach, {0x08, 0x00}), std::nullopt, true},
    {"TheStrippedOneCounts", behind_priority_tags(kTagsInReach - 1, kTag7), VlanTag{kTpidService, 0}, false},
    {"CutAfterTpid", {0x81, 0x00}, std::nullopt, false},
    {"CutAfterTci", {0x81, 0x00, 0x00, 42}, std::nullopt, false},
    {"CutOneByteShort", {0x81, 0x00, 0x00, 42, 0x08}, std::nullopt, false},
    {"CutBehindPriorityTag", behind_priority_tags(1, {0x88, 0xa8, 0x00, 7}), std::nullopt, false},
    {"CutBehindTag", {0x81, 0x00, 0x00, 42, 0x81, 0x00}, std::nullopt, true},
};

class FrameReach : public testing::TestWithParam<ReachRow> {};

TEST_P(FrameReach, Row) {
  const auto frame = parse_frame(bytes_with(GetParam().rest), GetParam().metadata);
  ASSERT_TRUE(frame) << frame.error().text;
  EXPECT_EQ(frame->tags_out_of_reach, !GetParam().in_reach);
  EXPECT_TRUE(GetParam().in_reach || !frame->vlan());
}
INSTANTIATE_TEST_SUITE_P(Frames, FrameReach, testing::ValuesIn(kReachRows), test::kRowName);

TEST(Frame, ShorterThanAnEthernetHeaderIsRefused) {
  const Bytes whole = bytes_with({0x08, 0x00});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    // A copy of its own size, so that a sanitizer sees a read past the end.
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const auto frame = parse_frame(cut);
    ASSERT_FALSE(frame) << length;
    EXPECT_EQ(frame.error().text, "frame of " + std::to_string(length) +
                                      " bytes is too short: an Ethernet header has 14, destination address first");
    EXPECT_EQ(frame.error().exit, Exit::usage);
  }
}

}  // namespace
}  // namespace rxf
