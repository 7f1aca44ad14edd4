// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/vlan_set.h"

#include <cerrno>

#include "tests/unit/model/values.h"

namespace rxf {
namespace {

using test::vlans;

struct ParseRow {
  const char* name;
  const char* text;
  std::size_t size;
  const char* printed;
};

const ParseRow kParseRows[] = {
    {"None", "none", 0, "none"},
    {"One", "42", 1, "42"},
    {"First", "1", 1, "1"},
    {"Last", "4094", 1, "4094"},
    {"ListAndRange", "42,100-109", 11, "42,100-109"},
    {"EveryVid", "1-4094", 4094, "1-4094"},
    {"RangeOfOne", "7-7", 1, "7"},
    {"AdjacentPrintAsRange", "10,11", 2, "10-11"},
    {"GapOfOne", "10,12", 2, "10,12"},
    {"AnyOrder", "30,10,20", 3, "10,20,30"},
    {"OverlapsFold", "10-20,15-25,12", 16, "10-25"},
    {"DuplicatesFold", "5,5,5", 1, "5"},
    {"RangeToLast", "4093-4094", 2, "4093-4094"},
    {"AcrossWords", "63-64,127-128", 4, "63-64,127-128"},
};

class VlanSetParse : public testing::TestWithParam<ParseRow> {};

TEST_P(VlanSetParse, Row) {
  const auto set = VlanSet::parse(GetParam().text);
  ASSERT_TRUE(set) << set.error().text;
  EXPECT_EQ(set->size(), GetParam().size);
  EXPECT_EQ(set->empty(), GetParam().size == 0);
  EXPECT_EQ(to_string(*set), GetParam().printed);
  EXPECT_EQ(vlans(to_string(*set)), *set);
}
INSTANTIATE_TEST_SUITE_P(Texts, VlanSetParse, testing::ValuesIn(kParseRows), test::kRowName);

struct RefusedRow {
  const char* name;
  const char* text;
  const char* error;
};

const RefusedRow kRefusedRows[] = {
    {"Empty", "", R"("" names no VLAN: give VIDs and ranges, as in 42,100-109, or none)"},
    {"EmptyItem", "1,,2", R"(empty item "" in "1,,2": give VIDs and ranges, as in 42,100-109)"},
    {"CommaFirst", ",1", R"(empty item "" in ",1": give VIDs and ranges, as in 42,100-109)"},
    {"CommaLast", "1,", R"(empty item "" in "1,": give VIDs and ranges, as in 42,100-109)"},
    {"Zero", "0", R"(VID 0 in "0" is reserved: VIDs are 1 to 4094)"},
    {"RangeFromZero", "5,0-9", R"(VID 0 in "0-9" is reserved: VIDs are 1 to 4094)"},
    {"Reserved", "4000-4095", R"(VID 4095 in "4000-4095" is reserved: VIDs are 1 to 4094)"},
    {"TooLarge", "4096", R"(VID 4096 in "4096" is out of range: VIDs are 1 to 4094)"},
    {"Overflow", "65537", R"(VID 65537 in "65537" is out of range: VIDs are 1 to 4094)"},
    {"LongOverflow", "1-99999999999999999999",
     R"(VID 99999999999999999999 in "1-99999999999999999999" is out of range: VIDs are 1 to 4094)"},
    {"Reversed", "1,109-100", R"("109-100" is reversed: write 100-109)"},
    {"OpenRange", "5-", R"("5-" is not a VLAN: give VIDs and ranges, as in 42,100-109)"},
    {"Negative", "-5", R"("-5" is not a VLAN: give VIDs and ranges, as in 42,100-109)"},
    {"DoubleRange", "1-2-3", R"("1-2-3" is not a VLAN: give VIDs and ranges, as in 42,100-109)"},
    {"Word", "all", R"("all" is not a VLAN: give VIDs and ranges, as in 42,100-109)"},
    {"NoneInList", "none,5", R"("none" is not a VLAN: give VIDs and ranges, as in 42,100-109)"},
    {"Space", "1, 2", R"(" 2" is not a VLAN: give VIDs and ranges, as in 42,100-109)"},
    {"Hexadecimal", "0x10", R"("0x10" is not a VLAN: give VIDs and ranges, as in 42,100-109)"},
    {"OverflowWithTail", "99999x", R"("99999x" is not a VLAN: give VIDs and ranges, as in 42,100-109)"},
};

class VlanSetRefused : public testing::TestWithParam<RefusedRow> {};

TEST_P(VlanSetRefused, Row) {
  const auto set = VlanSet::parse(GetParam().text);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().text, GetParam().error);
  EXPECT_EQ(set.error().exit, Exit::usage);
}
INSTANTIATE_TEST_SUITE_P(Texts, VlanSetRefused, testing::ValuesIn(kRefusedRows), test::kRowName);

TEST(VlanSet, BitmapPutsVidInBitOfByte) {
  const auto bitmap = vlans("1,10,4094").bitmap();
  std::array<std::uint8_t, VlanSet::kBitmapBytes> expected{};
  expected[0] = 0x02;
  expected[1] = 0x04;
  expected[511] = 0x40;
  EXPECT_EQ(bitmap, expected);
}

TEST(VlanSet, WordsPutVidInBitOfWord) {
  const auto words = vlans("1,64,4094").words();
  std::array<std::uint64_t, 64> expected{};
  expected[0] = 2;
  expected[1] = 1;
  expected[63] = std::uint64_t{1} << 62;
  EXPECT_EQ(words, expected);
}

TEST(VlanSet, BitmapAndWordsRoundTripForEachVid) {
  for (std::uint16_t vid = VlanSet::kFirst; vid <= VlanSet::kLast; ++vid) {
    VlanSet set;
    set.insert(vid);
    ASSERT_EQ(VlanSet::from_bitmap(set.bitmap()).value(), set) << vid;
    ASSERT_EQ(VlanSet::from_words(set.words()), set) << vid;
  }
}

TEST(VlanSet, BitmapWithReservedVidIsRefused) {
  for (const unsigned vid : {0U, 4095U}) {
    auto bitmap = vlans("42").bitmap();
    bitmap[vid / 8] = static_cast<std::uint8_t>(bitmap[vid / 8] | 1U << vid % 8);
    const auto set = VlanSet::from_bitmap(bitmap);
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error(), (Error{"VID " + std::to_string(vid) + " in the VLAN bitmap is reserved: VIDs are 1 to 4094",
                                  EINVAL, Exit::usage}));
  }
}

TEST(VlanSet, BitmapOfAnotherLengthIsRefused) {
  const std::vector<std::uint8_t> bytes(513);
  for (const std::size_t length : {0U, 511U, 513U}) {
    const auto set = VlanSet::from_bitmap(std::span(bytes).first(length));
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error(),
              (Error{"VLAN bitmap of " + std::to_string(length) + " bytes: it has 512", ERANGE, Exit::usage}));
  }
}

TEST(VlanSet, ReservedBitsInWordsAreIgnored) {
  auto words = vlans("42").words();
  words[0] |= 1;
  words[63] |= std::uint64_t{1} << 63;
  EXPECT_EQ(VlanSet::from_words(words), vlans("42"));
}

TEST(VlanSet, ContainsAnswersForEveryNumber) {
  const VlanSet all = vlans("1-4094");
  EXPECT_TRUE(all.contains(1));
  EXPECT_TRUE(all.contains(4094));
  EXPECT_FALSE(all.contains(0));
  EXPECT_FALSE(all.contains(4095));
  EXPECT_FALSE(all.contains(4096));
  EXPECT_FALSE(all.contains(65535));
}

TEST(VlanSet, UnionDifferenceEraseAndInsert) {
  VlanSet set = vlans("10-12");
  set |= vlans("12-14");
  EXPECT_EQ(set, vlans("10-14"));
  set -= vlans("11,14,20");
  EXPECT_EQ(set, vlans("10,12-13"));
  set.erase(12);
  set.erase(99);
  set.insert(10);
  EXPECT_EQ(set, vlans("10,13"));
}

}  // namespace
}  // namespace rxf
