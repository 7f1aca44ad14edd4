// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/filter_set.h"

#include <linux/if.h>

#include <cerrno>

#include "bpf/rx_filter_abi.h"
#include "tests/unit/model/values.h"

namespace rxf {
namespace {

using test::mac;
using test::macs;
using test::many_macs;
using test::vlans;

static_assert(FilterSet::kMaxAddresses == RXF_MAX_FILTER_ADDRESSES);

using Texts = std::vector<std::string>;

struct FlagRow {
  const char* name;
  FilterFlags flags;
  std::uint32_t wire;
  Texts names;
};

const FlagRow kFlagRows[] = {
    {"None", {}, 0, {}},
    {"Broadcast", {.broadcast = true}, IFF_BROADCAST, {"broadcast"}},
    {"Multicast", {.multicast = true}, IFF_MULTICAST, {"multicast"}},
    {"Promisc", {.promisc = true}, IFF_PROMISC, {"promisc"}},
    {"Allmulti", {.allmulti = true}, IFF_ALLMULTI, {"allmulti"}},
    {"All", {true, true, true, true}, 0x1302, {"broadcast", "multicast", "promisc", "allmulti"}},
};

class Flags : public testing::TestWithParam<FlagRow> {};

TEST_P(Flags, Row) {
  EXPECT_EQ(GetParam().flags.to_wire(), GetParam().wire);
  EXPECT_EQ(FilterFlags::from_wire(GetParam().wire).value(), GetParam().flags);
  EXPECT_EQ(names(GetParam().flags), GetParam().names);
  FilterFlags found;
  for (const auto& name : GetParam().names) *found.find(name) = true;
  EXPECT_EQ(found, GetParam().flags);
}
INSTANTIATE_TEST_SUITE_P(Values, Flags, testing::ValuesIn(kFlagRows), test::kRowName);

TEST(Flags, EveryOtherBitIsRefused) {
  for (unsigned i = 0; i < 32; ++i) {
    const std::uint32_t bit = std::uint32_t{1} << i;
    ASSERT_EQ(FilterFlags::from_wire(bit).has_value(), (bit & 0x1302) != 0) << i;
  }
}

TEST(Flags, OnlyUnknownBitsAreNamed) {
  EXPECT_EQ(FilterFlags::from_wire(0x80001302).error(),
            (Error{"unknown filter flags 0x80000000: broadcast (0x2), promisc (0x100), allmulti (0x200) and multicast "
                   "(0x1000) are known",
                   EINVAL, Exit::usage}));
}

TEST(Flags, NoMemberOfAnotherName) {
  FilterFlags flags;
  EXPECT_EQ(flags.find("unicast"), nullptr);
  EXPECT_EQ(flags.find(""), nullptr);
  EXPECT_EQ(flags.find("Broadcast"), nullptr);
}

FilterSet filter(const FilterFlags& flags, AddressSet unicast = {}, AddressSet multicast = {}) {
  FilterSet set;
  set.addresses = AddressFilter{flags, std::move(unicast), std::move(multicast)};
  return set;
}

FilterSet with_vlans(std::string_view text, FilterSet set = {}) {
  set.vlans = vlans(text);
  return set;
}

constexpr FilterFlags kUsual = {.broadcast = true, .multicast = true};
constexpr FilterFlags kUsualAllmulti = {.broadcast = true, .multicast = true, .allmulti = true};

struct ValidateRow {
  const char* name;
  FilterSet filter;
  int code;  // 0: valid
  const char* error;
};

const ValidateRow kValidateRows[] = {
    {"Unfiltered", {}, 0, ""},
    {"NothingInTheLists", filter({}), 0, ""},
    {"Usual", filter(kUsual, macs({"02:00:00:00:00:01"}), macs({"01:00:5e:00:00:01"})), 0, ""},
    {"LinkLocalGroup", filter(kUsual, {}, macs({"01:80:c2:00:00:0e"})), 0, ""},
    {"EmptyVlanSet", with_vlans("none"), 0, ""},
    {"BroadcastInUnicast", filter(kUsual, macs({"ff:ff:ff:ff:ff:ff"})), EADDRNOTAVAIL,
     R"("ff:ff:ff:ff:ff:ff" is the broadcast address: use the broadcast flag (--flags +broadcast))"},
    {"BroadcastInMulticast", filter(kUsual, {}, macs({"ff:ff:ff:ff:ff:ff"})), EADDRNOTAVAIL,
     R"("ff:ff:ff:ff:ff:ff" is the broadcast address: use the broadcast flag (--flags +broadcast))"},
    {"ZeroInUnicast", filter(kUsual, macs({"0:0:0:0:0:0"})), EADDRNOTAVAIL,
     R"("00:00:00:00:00:00" is all zero, which is nobody's address: leave it out)"},
    {"ZeroInMulticast", filter(kUsual, {}, macs({"0:0:0:0:0:0"})), EADDRNOTAVAIL,
     R"("00:00:00:00:00:00" is all zero, which is nobody's address: leave it out)"},
    {"MulticastInUnicast", filter(kUsual, macs({"01:00:5e:00:00:01"})), EADDRNOTAVAIL,
     R"("01:00:5e:00:00:01" is a multicast address: it belongs in the multicast list)"},
    {"UnicastInMulticast", filter(kUsual, {}, macs({"02:00:00:00:00:01"})), EADDRNOTAVAIL,
     R"("02:00:00:00:00:01" is a unicast address: it belongs in the unicast list)"},
    {"MulticastListWithoutFlag", filter({.broadcast = true, .allmulti = true}, {}, macs({"01:00:5e:00:00:01"})), EINVAL,
     "a multicast list of 1 without the multicast flag: set it (--flags +multicast) or empty the list (--multicast "
     "none)"},
    {"MostAddresses", filter(kUsual, many_macs("02:00:00:00", 1000), many_macs("01:00:5e:00", 24)), 0, ""},
    {"OneAddressTooMany", filter(kUsual, many_macs("02:00:00:00", 1000), many_macs("01:00:5e:00", 25)), E2BIG,
     "1025 addresses (1000 unicast + 25 multicast): at most 1024 per upper"},
    {"TooManyUnicast", filter(kUsual, many_macs("02:00:00:00", 1025)), E2BIG,
     "1025 addresses (1025 unicast + 0 multicast): at most 1024 per upper"},
};

class Validate : public testing::TestWithParam<ValidateRow> {};

TEST_P(Validate, Row) {
  const auto valid = validate(GetParam().filter);
  ASSERT_EQ(valid.has_value(), GetParam().code == 0);
  if (!valid) {
    EXPECT_EQ(valid.error(), (Error{GetParam().error, GetParam().code, Exit::usage}));
  }
}
INSTANTIATE_TEST_SUITE_P(Filters, Validate, testing::ValuesIn(kValidateRows), test::kRowName);

ListEdit<AddressSet> list(std::initializer_list<std::string_view> texts) {
  return {.replace = true, .add = macs(texts), .remove = {}};
}

ListEdit<AddressSet> change(std::initializer_list<std::string_view> add,
                            std::initializer_list<std::string_view> remove) {
  return {.replace = false, .add = macs(add), .remove = macs(remove)};
}

ListEdit<VlanSet> vlan_list(std::string_view text) { return {.replace = true, .add = vlans(text), .remove = {}}; }

ListEdit<VlanSet> vlan_change(std::string_view add, std::string_view remove) {
  return {.replace = false, .add = vlans(add), .remove = vlans(remove)};
}

FlagsEdit flags_list(const FilterFlags& flags) { return {.replace = true, .add = flags, .remove = {}}; }

FlagsEdit flags_change(const FilterFlags& add, const FilterFlags& remove) {
  return {.replace = false, .add = add, .remove = remove};
}

struct EditRow {
  const char* name;
  FilterSet current;
  FilterEdit edit;
  FilterSet filter;
  Texts notes;
};

constexpr auto kU1 = "02:00:00:00:00:01";
constexpr auto kU2 = "02:00:00:00:00:02";
constexpr auto kM1 = "01:00:5e:00:00:01";
constexpr auto kM2 = "01:00:5e:00:00:02";

const std::string kDefaultsNote = "first address filter: flags default to broadcast,multicast";
const std::string kDefaultsAllmultiNote =
    "first address filter: flags default to broadcast,multicast,allmulti (all multicast until a multicast list is "
    "given)";
const std::string kAllmultiClearedNote =
    "allmulti flag cleared: the multicast list given is the whole of what is accepted";
const std::string kMulticastSetNote = "multicast flag set: the multicast list counts only with it";

const EditRow kEditRows[] = {
    {"NothingOnUnfiltered", {}, {}, {}, {}},
    {"NothingOnFiltered", filter(kUsual, macs({kU1})), {}, filter(kUsual, macs({kU1})), {}},

    {"FirstUnicast", {}, {.unicast = list({kU1})}, filter(kUsualAllmulti, macs({kU1})), {kDefaultsAllmultiNote}},
    {"FirstUnicastAdded",
     {},
     {.unicast = change({kU1}, {})},
     filter(kUsualAllmulti, macs({kU1})),
     {kDefaultsAllmultiNote}},
    {"FirstMulticast", {}, {.multicast = list({kM1})}, filter(kUsual, {}, macs({kM1})), {kDefaultsNote}},
    {"FirstMulticastNone", {}, {.multicast = list({})}, filter(kUsual), {kDefaultsNote}},
    {"FirstMulticastAdded", {}, {.multicast = change({kM1}, {})}, filter(kUsual, {}, macs({kM1})), {kDefaultsNote}},
    {"FirstBothLists",
     {},
     {.unicast = list({kU1}), .multicast = list({kM1})},
     filter(kUsual, macs({kU1}), macs({kM1})),
     {kDefaultsNote}},
    {"FirstMulticastAll", {}, {.all_multicast = true}, filter(kUsualAllmulti), {kDefaultsAllmultiNote}},
    {"FirstFlags", {}, {.flags = flags_list({.broadcast = true})}, filter({.broadcast = true}), {}},
    {"FirstFlagsNone", {}, {.flags = flags_list({}), .unicast = list({kU1})}, filter({}, macs({kU1})), {}},
    {"FirstFlagsChangeDefaults",
     {},
     {.flags = flags_change({.promisc = true}, {.broadcast = true})},
     filter({.multicast = true, .promisc = true, .allmulti = true}),
     {kDefaultsAllmultiNote + ", then changed as asked"}},
    {"FirstMulticastAllWithFlags",
     {},
     {.flags = flags_list({.broadcast = true}), .all_multicast = true},
     filter({.broadcast = true, .allmulti = true}),
     {}},
    {"FirstFlagsAndMulticast",
     {},
     {.flags = flags_list(kUsual), .multicast = list({kM1})},
     filter(kUsual, {}, macs({kM1})),
     {}},

    {"UnicastReplaced",
     filter(kUsual, macs({kU1}), macs({kM1})),
     {.unicast = list({kU2})},
     filter(kUsual, macs({kU2}), macs({kM1})),
     {}},
    {"UnicastCleared", filter(kUsual, macs({kU1})), {.unicast = list({})}, filter(kUsual), {}},
    {"UnicastAdded", filter(kUsual, macs({kU1})), {.unicast = change({kU2}, {})}, filter(kUsual, macs({kU1, kU2})), {}},
    {"UnicastAddedTwice", filter(kUsual, macs({kU1})), {.unicast = change({kU1}, {})}, filter(kUsual, macs({kU1})), {}},
    {"UnicastRemoved",
     filter(kUsual, macs({kU1, kU2})),
     {.unicast = change({}, {kU1})},
     filter(kUsual, macs({kU2})),
     {}},
    {"UnicastExchanged",
     filter(kUsual, macs({kU1})),
     {.unicast = change({kU2}, {kU1})},
     filter(kUsual, macs({kU2})),
     {}},
    {"UnicastRemovedThatWasNotThere",
     filter(kUsual, macs({kU1})),
     {.unicast = change({}, {kU2})},
     filter(kUsual, macs({kU1})),
     {"02:00:00:00:00:02 was not in the unicast list"}},

    {"MulticastAdded",
     filter(kUsual, {}, macs({kM1})),
     {.multicast = change({kM2}, {})},
     filter(kUsual, {}, macs({kM1, kM2})),
     {}},
    {"MulticastRemovedThatWasNotThere",
     filter(kUsual, {}, macs({kM1})),
     {.multicast = change({}, {kM2})},
     filter(kUsual, {}, macs({kM1})),
     {"01:00:5e:00:00:02 was not in the multicast list"}},
    {"MulticastListClearsAllmulti",
     filter(kUsualAllmulti),
     {.multicast = list({kM1})},
     filter(kUsual, {}, macs({kM1})),
     {kAllmultiClearedNote}},
    {"MulticastNoneClearsAllmulti",
     filter(kUsualAllmulti, {}, macs({kM1})),
     {.multicast = list({})},
     filter(kUsual),
     {kAllmultiClearedNote}},
    {"MulticastAddedKeepsAllmulti",
     filter(kUsualAllmulti),
     {.multicast = change({kM1}, {})},
     filter(kUsualAllmulti, {}, macs({kM1})),
     {}},
    {"MulticastListWithFlagsKeepsAllmulti",
     filter(kUsualAllmulti),
     {.flags = flags_change({.promisc = true}, {}), .multicast = list({kM1})},
     filter({true, true, true, true}, {}, macs({kM1})),
     {}},
    {"MulticastListWithAllKeepsAllmulti",
     filter(kUsual),
     {.multicast = list({kM1}), .all_multicast = true},
     filter(kUsualAllmulti, {}, macs({kM1})),
     {}},
    {"MulticastAllKeepsList",
     filter(kUsual, {}, macs({kM1})),
     {.all_multicast = true},
     filter(kUsualAllmulti, {}, macs({kM1})),
     {}},
    {"MulticastAllIsNotMulticastFlag",
     filter({.broadcast = true}),
     {.all_multicast = true},
     filter({.broadcast = true, .allmulti = true}),
     {}},
    {"MulticastListSetsFlag",
     filter({.broadcast = true}),
     {.multicast = list({kM1})},
     filter(kUsual, {}, macs({kM1})),
     {kMulticastSetNote}},
    {"MulticastAddedSetsFlag",
     filter({.broadcast = true}),
     {.multicast = change({kM1}, {})},
     filter(kUsual, {}, macs({kM1})),
     {kMulticastSetNote}},
    {"MulticastAddedBesideOtherFlagsSetsFlag",
     filter({}),
     {.flags = flags_change({.broadcast = true}, {}), .multicast = change({kM1}, {})},
     filter(kUsual, {}, macs({kM1})),
     {kMulticastSetNote}},
    {"MulticastNoneSetsNoFlag", filter({.broadcast = true}), {.multicast = list({})}, filter({.broadcast = true}), {}},

    {"FlagsReplaced",
     filter(kUsualAllmulti, macs({kU1})),
     {.flags = flags_list({.promisc = true})},
     filter({.promisc = true}, macs({kU1})),
     {}},
    {"FlagsChanged",
     filter(kUsual),
     {.flags = flags_change({.allmulti = true}, {.broadcast = true})},
     filter({.multicast = true, .allmulti = true}),
     {}},
    {"FlagClearedWithItsList",
     filter(kUsual, {}, macs({kM1})),
     {.flags = flags_change({}, {.multicast = true}), .multicast = list({})},
     filter({.broadcast = true}),
     {}},

    {"FirstVlans", {}, {.vlans = vlan_list("42,100-109")}, with_vlans("42,100-109"), {}},
    {"FirstVlansNone", {}, {.vlans = vlan_list("none")}, with_vlans("none"), {}},
    {"FirstVlansAdded",
     {},
     {.vlans = vlan_change("10,20", "none")},
     with_vlans("10,20"),
     {"no VLAN filter before: tagged frames are now accepted on VLANs 10,20 only"}},
    {"VlansReplaced", with_vlans("10"), {.vlans = vlan_list("20")}, with_vlans("20"), {}},
    {"VlansChanged", with_vlans("10-12"), {.vlans = vlan_change("20", "11")}, with_vlans("10,12,20"), {}},
    {"LastVlanRemovedLeavesEmptySet", with_vlans("10"), {.vlans = vlan_change("none", "10")}, with_vlans("none"), {}},
    {"VlanRemovedThatWasNotThere",
     with_vlans("10"),
     {.vlans = vlan_change("none", "10,30-31")},
     with_vlans("none"),
     {"VLANs 30-31 were not in the VLAN set"}},
    {"VlansForgotten", with_vlans("10", filter(kUsual)), {.forget_vlans = true}, filter(kUsual), {}},
    {"VlansForgottenOnUnfiltered", {}, {.forget_vlans = true}, {}, {}},
    {"WholeReplacesBothHalves",
     with_vlans("10", filter(kUsualAllmulti, macs({kU1}), macs({kM1}))),
     {.whole = with_vlans("20", filter({.broadcast = true}, macs({kU2})))},
     with_vlans("20", filter({.broadcast = true}, macs({kU2}))),
     {}},
    {"WholeForgetsAbsentHalf", with_vlans("10", filter(kUsual)), {.whole = filter(kUsual)}, filter(kUsual), {}},
    {"WholeUnfiltered", with_vlans("10", filter(kUsual)), {.whole = FilterSet{}}, {}, {}},
    {"WholeIsAllThatCounts",
     {},
     {.whole = with_vlans("20"), .unicast = change({}, {kU1}), .all_multicast = true, .forget_vlans = true},
     with_vlans("20"),
     {}},

    {"VlansLeaveAddressesAlone",
     filter(kUsual, macs({kU1})),
     {.vlans = vlan_list("10")},
     with_vlans("10", filter(kUsual, macs({kU1}))),
     {}},
    {"AddressesLeaveVlansAlone", with_vlans("10"), {.flags = flags_list(kUsual)}, with_vlans("10", filter(kUsual)), {}},
};

class Edited : public testing::TestWithParam<EditRow> {};

TEST_P(Edited, Row) {
  const auto result = edited(GetParam().current, GetParam().edit);
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_EQ(result->filter, GetParam().filter);
  EXPECT_EQ(result->notes, GetParam().notes);
}
INSTANTIATE_TEST_SUITE_P(Edits, Edited, testing::ValuesIn(kEditRows), test::kRowName);

struct EditRefusedRow {
  const char* name;
  FilterSet current;
  FilterEdit edit;
  int code;
  const char* error;
};

const EditRefusedRow kEditRefusedRows[] = {
    {"BroadcastAdded",
     filter(kUsual),
     {.unicast = change({"ff:ff:ff:ff:ff:ff"}, {})},
     EADDRNOTAVAIL,
     R"("ff:ff:ff:ff:ff:ff" is the broadcast address: use the broadcast flag (--flags +broadcast))"},
    {"MulticastInUnicast",
     {},
     {.unicast = list({kM1})},
     EADDRNOTAVAIL,
     R"("01:00:5e:00:00:01" is a multicast address: it belongs in the multicast list)"},
    {"UnicastInMulticast",
     {},
     {.multicast = list({kU1})},
     EADDRNOTAVAIL,
     R"("02:00:00:00:00:01" is a unicast address: it belongs in the unicast list)"},
    {"FlagClearedUnderItsList",
     filter(kUsual, {}, macs({kM1, kM2})),
     {.flags = flags_change({}, {.multicast = true})},
     EINVAL,
     "a multicast list of 2 without the multicast flag: set it (--flags +multicast) or empty the list (--multicast "
     "none)"},
    {"FlagsReplacedUnderTheList",
     filter(kUsual, {}, macs({kM1})),
     {.flags = flags_list({.broadcast = true})},
     EINVAL,
     "a multicast list of 1 without the multicast flag: set it (--flags +multicast) or empty the list (--multicast "
     "none)"},
    {"FlagClearedBesideNewList",
     filter(kUsual),
     {.flags = flags_change({}, {.multicast = true}), .multicast = list({kM1})},
     EINVAL,
     "a multicast list of 1 without the multicast flag: set it (--flags +multicast) or empty the list (--multicast "
     "none)"},
    {"FlagsReplacedBesideNewList",
     {},
     {.flags = flags_list({.broadcast = true}), .multicast = list({kM1})},
     EINVAL,
     "a multicast list of 1 without the multicast flag: set it (--flags +multicast) or empty the list (--multicast "
     "none)"},
    {"WholeIsValidated",
     {},
     {.whole = filter({}, {}, macs({kM1}))},
     EINVAL,
     "a multicast list of 1 without the multicast flag: set it (--flags +multicast) or empty the list (--multicast "
     "none)"},
    {"OneAddressTooMany",
     filter(kUsual, many_macs("02:00:00:00", 1024)),
     {.multicast = change({kM1}, {})},
     E2BIG,
     "1025 addresses (1024 unicast + 1 multicast): at most 1024 per upper"},
    {"FlagAddedAndRemoved",
     filter(kUsual),
     {.flags = flags_change({.promisc = true}, {.promisc = true})},
     0,
     "flag promisc is both added and removed: give one of the two"},
    {"AllMulticastWithoutAllmulti",
     filter(kUsual),
     {.flags = flags_change({}, {.allmulti = true}), .all_multicast = true},
     0,
     "--multicast all sets the allmulti flag, which --flags removes: give one of the two"},
    {"UnicastAddedAndRemoved",
     filter(kUsual),
     {.unicast = change({kU1, kU2}, {kU2})},
     0,
     "02:00:00:00:00:02 is both added to and removed from the unicast list: give one of the two"},
    {"MulticastAddedAndRemoved",
     filter(kUsual),
     {.multicast = change({kM1}, {kM1})},
     0,
     "01:00:5e:00:00:01 is both added to and removed from the multicast list: give one of the two"},
    {"VlansAddedAndRemoved",
     with_vlans("10"),
     {.vlans = vlan_change("20-30", "25,40")},
     0,
     "VLANs 25 are both added and removed: give one of the two"},
    {"UnicastRemovedFromUnfiltered",
     {},
     {.unicast = change({}, {kU1})},
     0,
     "no address filter to remove 02:00:00:00:00:01 from: every address is accepted; give the unicast list to accept "
     "instead"},
    {"MulticastRemovedFromVlanHalf",
     with_vlans("10"),
     {.multicast = change({}, {kM1})},
     0,
     "no address filter to remove 01:00:5e:00:00:01 from: every address is accepted; give the multicast list to accept "
     "instead"},
    {"VlanRemovedFromUnfiltered",
     filter(kUsual),
     {.vlans = vlan_change("none", "10")},
     0,
     "no VLAN filter to remove from: every VLAN is accepted; give those to keep, as in --vlan 42,100-109"},
};

class EditRefused : public testing::TestWithParam<EditRefusedRow> {};

TEST_P(EditRefused, Row) {
  const auto result = edited(GetParam().current, GetParam().edit);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), (Error{GetParam().error, GetParam().code, Exit::usage}));
}
INSTANTIATE_TEST_SUITE_P(Edits, EditRefused, testing::ValuesIn(kEditRefusedRows), test::kRowName);

TEST(Edited, RoomIsMadeBeforeTheCount) {
  const FilterSet full = filter(kUsual, many_macs("02:00:00:00", 1024));
  EXPECT_TRUE(edited(full, {.unicast = change({"02:ff:00:00:00:01"}, {kU1})}));
}

}  // namespace

}  // namespace rxf
