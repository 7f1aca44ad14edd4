// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/filter_change.h"

#include <cerrno>

#include "tests/unit/model/values.h"

namespace rxf {
namespace {

using test::mac;
using test::macs;
using test::many_macs;
using test::vlans;
using Addresses = FilterChange::Addresses;
using Vlans = FilterChange::Vlans;

constexpr FilterFlags kUsual = {.broadcast = true, .multicast = true};
constexpr FilterFlags kBroadcast = {.broadcast = true};
constexpr auto kU1 = "02:00:00:00:00:01";
constexpr auto kU2 = "02:00:00:00:00:02";
constexpr auto kM1 = "01:00:5e:00:00:01";
constexpr auto kM2 = "01:00:5e:00:00:02";

AddressFilter half(FilterFlags flags, AddressSet unicast = {}, AddressSet multicast = {}) {
  return {.flags = flags, .unicast = std::move(unicast), .multicast = std::move(multicast)};
}

const FilterSet kFull = {.addresses = half(kUsual, macs({kU1}), macs({kM1})), .vlans = vlans("5,7")};

// `kFull` with another address half.
FilterSet full_but(AddressFilter addresses) { return {.addresses = std::move(addresses), .vlans = kFull.vlans}; }

struct MergeRow {
  const char* name;
  FilterSet now;
  FilterChange change;
  FilterSet after;
};

const MergeRow kMergeRows[] = {
    {"NothingForgetsBoth", kFull, {}, {}},
    {"NothingOnUnfiltered", {}, {}, {}},
    {"EmptyAddressHalfForgetsIt", kFull, {.addresses = Addresses{}}, {.vlans = kFull.vlans}},
    {"EmptyAddressHalfWhereThereIsNone", {}, {.addresses = Addresses{}}, {}},
    {"EmptyVlanHalfForgetsIt", kFull, {.vlans = Vlans{}}, {.addresses = kFull.addresses}},
    {"EmptyVlanHalfWhereThereIsNone", {}, {.vlans = Vlans{}}, {}},
    {"BothHalvesEmpty", kFull, {.addresses = Addresses{}, .vlans = Vlans{}}, {}},
    {"FlagsAlone",
     kFull,
     {.addresses = Addresses{.flags = FilterFlags{.multicast = true, .promisc = true}}},
     full_but(half({.multicast = true, .promisc = true}, macs({kU1}), macs({kM1})))},
    {"UnicastAlone",
     kFull,
     {.addresses = Addresses{.unicast = macs({kU2})}},
     full_but(half(kUsual, macs({kU2}), macs({kM1})))},
    {"MulticastAlone",
     kFull,
     {.addresses = Addresses{.multicast = macs({kM2})}},
     full_but(half(kUsual, macs({kU1}), macs({kM2})))},
    {"EmptyListClearsIt",
     kFull,
     {.addresses = Addresses{.multicast = AddressSet{}}},
     full_but(half(kUsual, macs({kU1}), {}))},
    {"ListClearedAsItsFlagGoes",
     kFull,
     {.addresses = Addresses{.flags = kBroadcast, .multicast = AddressSet{}}},
     full_but(half(kBroadcast, macs({kU1}), {}))},
    {"VlansAlone", kFull, {.vlans = Vlans{vlans("9")}}, {.addresses = kFull.addresses, .vlans = vlans("9")}},
    {"VlansNone", kFull, {.vlans = Vlans{VlanSet{}}}, {.addresses = kFull.addresses, .vlans = VlanSet{}}},
    {"FirstFlagsAlone", {}, {.addresses = Addresses{.flags = kUsual}}, {.addresses = half(kUsual)}},
    {"FirstWithoutAnyFlagSet", {}, {.addresses = Addresses{.flags = FilterFlags{}}}, {.addresses = half({})}},
    {"FirstAddressHalfBesideVlans",
     {.vlans = vlans("5")},
     {.addresses = Addresses{.flags = kUsual, .unicast = macs({kU1})}},
     {.addresses = half(kUsual, macs({kU1})), .vlans = vlans("5")}},
    {"AsManyAsThereMayBe",
     {.addresses = half(kUsual, many_macs("02:00:00:00", 1023))},
     {.addresses = Addresses{.multicast = macs({kM1})}},
     {.addresses = half(kUsual, many_macs("02:00:00:00", 1023), macs({kM1}))}},
};

class Merged : public testing::TestWithParam<MergeRow> {};

TEST_P(Merged, Row) {
  const auto after = merged(GetParam().now, GetParam().change);
  ASSERT_TRUE(after) << after.error().text;
  EXPECT_EQ(*after, GetParam().after);
}
INSTANTIATE_TEST_SUITE_P(Changes, Merged, testing::ValuesIn(kMergeRows), test::kRowName);

struct RefusalRow {
  const char* name;
  FilterSet now;
  FilterChange change;
  int code;
  const char* text;
};

const RefusalRow kRefusalRows[] = {
    {"FirstWithoutFlags",
     {.vlans = vlans("5")},
     {.addresses = Addresses{.unicast = macs({kU1})}},
     EINVAL,
     "the first address filter must have flags (IFLA_ADDR_FILTER_FLAGS)"},
    {"FlagGoesFromUnderTheList",
     kFull,
     {.addresses = Addresses{.flags = kBroadcast}},
     EINVAL,
     "a multicast list of 1 without the multicast flag: set it (--flags +multicast) or empty the list (--multicast "
     "none)"},
    {"ListWithoutTheFlagThere",
     {.addresses = half(kBroadcast)},
     {.addresses = Addresses{.multicast = macs({kM1, kM2})}},
     EINVAL,
     "a multicast list of 2 without the multicast flag: set it (--flags +multicast) or empty the list (--multicast "
     "none)"},
    {"OneTooMany",
     {.addresses = half(kUsual, many_macs("02:00:00:00", 1024))},
     {.addresses = Addresses{.multicast = macs({kM1})}},
     E2BIG,
     "1025 addresses (1024 unicast + 1 multicast): at most 1024 per upper"},
    // As the kernel does: what there is too much of is told first.
    {"OneTooManyAndNoFlag",
     {},
     {.addresses =
          Addresses{.flags = FilterFlags{}, .unicast = many_macs("02:00:00:00", 1024), .multicast = macs({kM1})}},
     E2BIG,
     "1025 addresses (1024 unicast + 1 multicast): at most 1024 per upper"},
    {"GroupAsUnicast",
     {},
     {.addresses = Addresses{.flags = kUsual, .unicast = macs({kM1})}},
     EADDRNOTAVAIL,
     R"("01:00:5e:00:00:01" is a multicast address: it belongs in the multicast list)"},
};

class MergeRefused : public testing::TestWithParam<RefusalRow> {};

TEST_P(MergeRefused, Row) {
  const auto after = merged(GetParam().now, GetParam().change);
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error(), (Error{GetParam().text, GetParam().code, Exit::usage}));
}
INSTANTIATE_TEST_SUITE_P(Changes, MergeRefused, testing::ValuesIn(kRefusalRows), test::kRowName);

const FilterSet kSets[] = {
    {},
    {.addresses = half({})},
    {.vlans = VlanSet{}},
    {.addresses = half(kUsual, macs({kU2}))},
    {.vlans = vlans("1,4094")},
    kFull,
    {.addresses = half({true, true, true, true}), .vlans = vlans("2")},
};

TEST(Exactly, MakesEachSetOfEachOther) {
  for (const FilterSet& now : kSets)
    for (const FilterSet& wanted : kSets) EXPECT_EQ(merged(now, exactly(wanted)), wanted);
}

TEST(Exactly, UnfilteredIsWithoutHalves) { EXPECT_EQ(exactly({}), FilterChange{}); }

TEST(Stating, LeavesAbsentHalvesOut) {
  EXPECT_EQ(stating({}), FilterChange{});
  EXPECT_EQ(stating({.vlans = vlans("5")}), (FilterChange{.vlans = Vlans{vlans("5")}}));
  EXPECT_EQ(
      stating({.addresses = half(kUsual)}),
      (FilterChange{.addresses = Addresses{.flags = kUsual, .unicast = AddressSet{}, .multicast = AddressSet{}}}));
}

TEST(Stating, IsTheWholeOfIt) {
  for (const FilterSet& set : kSets) EXPECT_EQ(merged({}, stating(set)), set);
}

}  // namespace
}  // namespace rxf
