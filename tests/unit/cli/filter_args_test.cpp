// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/filter_args.h"

#include <gtest/gtest.h>

namespace rxf::cli {
namespace {

constexpr MacAddress kUnicast{{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01}};
constexpr MacAddress kOther{{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x02}};
constexpr MacAddress kGroup{{0x33, 0x33, 0, 0, 0, 0xfb}};

VlanSet vlans(const char* text) { return *VlanSet::parse(text); }

FilterEdit good(const FilterArguments& arguments) {
  const Result<FilterEdit> edit = parse_filter_arguments(arguments);
  EXPECT_TRUE(edit) << edit.error().text;
  return edit.value_or(FilterEdit{});
}

TEST(FilterArguments, NothingGivenChangesNothing) {
  const FilterEdit edit = good({});
  EXPECT_TRUE(FilterArguments{}.empty());
  EXPECT_FALSE(edit.whole || edit.flags || edit.unicast || edit.multicast || edit.vlans);
  EXPECT_FALSE(edit.all_multicast || edit.forget_vlans);
}

TEST(FilterArguments, PlainItemsReplace) {
  const FilterEdit edit = good({.unicast = "02:aa:bb:cc:dd:01,02:aa:bb:cc:dd:02",
                                .multicast = "33:33:00:00:00:fb",
                                .vlan = "10,20-29",
                                .flags = "broadcast,promisc"});
  EXPECT_TRUE(edit.unicast->replace);
  EXPECT_EQ(edit.unicast->add, (AddressSet{kUnicast, kOther}));
  EXPECT_TRUE(edit.multicast->replace);
  EXPECT_EQ(edit.multicast->add, AddressSet{kGroup});
  EXPECT_TRUE(edit.vlans->replace);
  EXPECT_EQ(edit.vlans->add, vlans("10,20-29"));
  EXPECT_TRUE(edit.flags->replace);
  EXPECT_EQ(edit.flags->add, (FilterFlags{.broadcast = true, .promisc = true}));
}

TEST(FilterArguments, SignedItemsEdit) {
  const FilterEdit edit = good({.unicast = "+02:aa:bb:cc:dd:01,-02-aa-bb-cc-dd-02",
                                .multicast = "-33:33:00:00:00:fb",
                                .vlan = "+10,-20-29,+11",
                                .flags = "+promisc,-broadcast"});
  EXPECT_FALSE(edit.unicast->replace);
  EXPECT_EQ(edit.unicast->add, AddressSet{kUnicast});
  EXPECT_EQ(edit.unicast->remove, AddressSet{kOther});
  EXPECT_FALSE(edit.multicast->replace);
  EXPECT_EQ(edit.multicast->remove, AddressSet{kGroup});
  EXPECT_FALSE(edit.vlans->replace);
  EXPECT_EQ(edit.vlans->add, vlans("10,11"));
  EXPECT_EQ(edit.vlans->remove, vlans("20-29"));
  EXPECT_FALSE(edit.flags->replace);
  EXPECT_EQ(edit.flags->add, FilterFlags{.promisc = true});
  EXPECT_EQ(edit.flags->remove, FilterFlags{.broadcast = true});
}

TEST(FilterArguments, NoneEmpties) {
  const FilterEdit edit = good({.unicast = "none", .multicast = "none", .vlan = "none", .flags = "none"});
  EXPECT_TRUE(edit.unicast->replace && edit.unicast->add.empty());
  EXPECT_TRUE(edit.multicast->replace && edit.multicast->add.empty());
  EXPECT_TRUE(edit.vlans->replace && edit.vlans->add.empty());
  EXPECT_TRUE(edit.flags->replace && edit.flags->add == FilterFlags{});
}

TEST(FilterArguments, AllIsNoList) {
  const FilterEdit edit = good({.multicast = "all", .vlan = "all"});
  EXPECT_TRUE(edit.all_multicast);
  EXPECT_FALSE(edit.multicast);
  EXPECT_TRUE(edit.forget_vlans);
  EXPECT_FALSE(edit.vlans);
}

struct BadRow {
  const char* name;
  FilterArguments arguments;
  const char* option;
  const char* words;
};

void PrintTo(const BadRow& row, std::ostream* out) { *out << row.name; }

class BadFilterArguments : public testing::TestWithParam<BadRow> {};

TEST_P(BadFilterArguments, AreOneUsageErrorThatNamesOptionAndItem) {
  const BadRow& row = GetParam();
  const Result<FilterEdit> edit = parse_filter_arguments(row.arguments);
  ASSERT_FALSE(edit);
  EXPECT_EQ(edit.error().exit, Exit::usage);
  EXPECT_TRUE(edit.error().text.starts_with(row.option)) << edit.error().text;
  EXPECT_NE(edit.error().text.find(row.words), std::string::npos) << edit.error().text;
  EXPECT_EQ(edit.error().text.find('\n'), std::string::npos) << edit.error().text;
  EXPECT_LT(edit.error().text.size(), 200U) << edit.error().text;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, BadFilterArguments,
    testing::Values(
        BadRow{"empty", {.vlan = ""}, "--vlan", "empty item"},
        BadRow{"empty_between", {.vlan = "10,,20"}, "--vlan", "\"10,,20\": empty item"},
        BadRow{"empty_last", {.unicast = "02:aa:bb:cc:dd:01,"}, "--unicast", "empty item"},
        BadRow{"sign_alone", {.flags = "+"}, "--flags", "empty item"},
        BadRow{"mixed_plain_first", {.unicast = "02:aa:bb:cc:dd:01,+02:aa:bb:cc:dd:02"}, "--unicast", "do not mix"},
        BadRow{"mixed_signed_first", {.vlan = "+10,20"}, "--vlan", "do not mix"},
        BadRow{"mixed_flags", {.flags = "+promisc,broadcast"}, "--flags", "do not mix"},
        BadRow{"none_beside", {.vlan = "10,none"}, "--vlan", "\"none\" stands alone"},
        BadRow{"none_signed", {.vlan = "+none"}, "--vlan", "\"none\" stands alone"},
        BadRow{"all_beside", {.multicast = "all,33:33:00:00:00:fb"}, "--multicast", "\"all\" stands alone"},
        BadRow{"all_unicast", {.unicast = "all"}, "--unicast", "\"all\" stands alone"},
        BadRow{"all_flags", {.flags = "all"}, "--flags", "\"all\" stands alone"},
        BadRow{"not_a_mac", {.unicast = "02:aa:bb"}, "--unicast", "\"02:aa:bb\""},
        BadRow{"not_a_mac_signed", {.unicast = "+x"}, "--unicast", "\"x\""},
        BadRow{"long_mac", {.unicast = std::string(5000, 'a')}, "--unicast", "not a MAC address"},
        BadRow{"group_in_unicast", {.unicast = "33:33:00:00:00:fb"}, "--unicast", "multicast address"},
        BadRow{"unicast_in_group", {.multicast = "02:aa:bb:cc:dd:01"}, "--multicast", "unicast address"},
        BadRow{"broadcast", {.multicast = "ff:ff:ff:ff:ff:ff"}, "--multicast", "broadcast"},
        BadRow{"vid_0", {.vlan = "0"}, "--vlan", "0"}, BadRow{"vid_4095", {.vlan = "10,4095"}, "--vlan", "4095"},
        BadRow{"reversed", {.vlan = "20-10"}, "--vlan", "20-10"},
        BadRow{"two_signs", {.vlan = "--20"}, "--vlan", "\"-20\""},
        BadRow{"long_vlan", {.vlan = std::string(5000, '1')}, "--vlan", "not a VLAN"},
        BadRow{"unknown_flag", {.flags = "broadcast,bogus"}, "--flags", "\"bogus\" is not a flag"},
        BadRow{"flag_case", {.flags = "Broadcast"}, "--flags", "\"Broadcast\" is not a flag"},
        BadRow{"flag_newline", {.flags = "a\nb"}, "--flags", "\"a?b\""}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace rxf::cli
