// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/policy.h"

#include <gtest/gtest.h>

#include "loader/cli/filter_json.h"
#include "tests/unit/guest/guest_values.h"
#include "tools/guest/refusal_log.h"

namespace rxf::guest {
namespace {

using test::any_address;
using test::mac;
using test::macs;
using test::many_macs;
using test::only;
using test::vlans;

const MacAddress kOwn = mac("52:54:00:aa:bb:cc");
const MacAddress kOther = mac("02:00:00:00:00:01");

// What an IP host listens to with the address kOwn.
const AddressSet kBasic = macs({"01:00:5e:00:00:01", "33:33:00:00:00:01", "33:33:ff:aa:bb:cc"});

AddressSet plus(AddressSet one, const AddressSet& other) {
  one.insert(other.begin(), other.end());
  return one;
}

FilterSet had(const AddressSet& unicast, const AddressSet& multicast) {
  return {.addresses = AddressFilter{
              .flags = {.broadcast = true, .multicast = true}, .unicast = unicast, .multicast = multicast}};
}

struct Row {
  const char* name;
  Policy policy;
  GuestRequest request;  // of a guest with the address kOwn, where none is given
  FilterSet previous;
  Owners owners;
  struct {
    std::string flags;   // beside broadcast: 'm'ulticast, 'p'romisc, 'a'llmulti
    AddressSet unicast;  // beside kOwn
    AddressSet multicast;
    std::string vlans = "none";  // "any": no VLAN half
  } granted;
  std::vector<std::string> refusals;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

FilterSet expected(const Row& row) {
  const auto has = [&](char flag) { return row.granted.flags.contains(flag); };
  FilterSet filter{.addresses = AddressFilter{
                       .flags = {.broadcast = true, .multicast = has('m'), .promisc = has('p'), .allmulti = has('a')},
                       .unicast = plus(row.granted.unicast, {kOwn}),
                       .multicast = row.granted.multicast}};
  if (row.granted.vlans != "any") filter.vlans = vlans(row.granted.vlans);
  return filter;
}

class PolicyTable : public testing::TestWithParam<Row> {};

TEST_P(PolicyTable, GrantsTheNearestThatIsAllowed) {
  const Row& row = GetParam();
  GuestRequest request = row.request;
  if (request.main_mac.is_zero()) request.main_mac = kOwn;
  const Judgement judgement = judge(row.policy, kOwn, request, row.previous, row.owners);
  EXPECT_EQ(cli::to_json(judgement.granted).dump(), cli::to_json(expected(row)).dump());
  std::vector<std::string> refusals;
  for (const Refusal& one : judgement.refusals) refusals.push_back(to_string(one));
  EXPECT_EQ(refusals, row.refusals);
  EXPECT_TRUE(validate(judgement.granted));
  EXPECT_EQ(judge(row.policy, kOwn, request, row.previous, row.owners), judgement) << "not deterministic";
}

constexpr const char* kNotListed = " refused: not in the list of the policy";

std::string refused(const std::string& what, const std::string& why = kNotListed) { return what + why; }

const AddressSet kGroups = macs({"01:00:5e:00:00:01", "01:00:5e:00:00:fb", "33:33:00:00:00:01"});

INSTANTIATE_TEST_SUITE_P(
    Addresses, PolicyTable,
    testing::Values(Row{.name = "NothingAsked", .granted = {}},
                    Row{.name = "GroupsAreFollowed",
                        .request = {.multicast = kGroups},
                        .granted = {.flags = "m", .multicast = kGroups}},
                    Row{.name = "MainMacIsFixed",
                        .request = {.main_mac = kOther},
                        .refusals = {refused("main-mac 02:00:00:00:00:01")}},
                    Row{.name = "MainMacOfTheList",
                        .policy = {.main_mac = only({"02:00:00:00:00:01"})},
                        .request = {.main_mac = kOther},
                        .granted = {.unicast = {kOther}}},
                    Row{.name = "MainMacOfAnotherVendor",
                        .policy = {.main_mac = only({"02:00:01"})},
                        .request = {.main_mac = kOther},
                        .refusals = {refused("main-mac 02:00:00:00:00:01")}},
                    Row{.name = "AnyMainMac",
                        .policy = {.main_mac = any_address()},
                        .request = {.main_mac = kOther},
                        .granted = {.unicast = {kOther}}},
                    Row{.name = "MainMacOfSomebodyElse",
                        .policy = {.main_mac = any_address()},
                        .request = {.main_mac = kOther},
                        .owners = {{kOther, "macvtap1"}},
                        .refusals = {refused("main-mac 02:00:00:00:00:01", " refused: macvtap1 has it")}},
                    Row{.name = "MainMacThatIsAGroup",
                        .policy = {.main_mac = any_address()},
                        .request = {.main_mac = mac("01:00:5e:00:00:01")},
                        .refusals = {refused("main-mac 01:00:5e:00:00:01", " refused: not a unicast address")}},
                    Row{.name = "OwnAddressWhoeverHasIt",
                        .request = {.unicast = {kOwn}},
                        .owners = {{kOwn, "macvtap0"}},
                        .granted = {}},
                    Row{.name = "RefusedMainMacThatIsAnAllowedFurtherAddress",
                        .policy = {.unicast = only({"02:00:00:00:00:01"})},
                        .request = {.main_mac = kOther, .unicast = {kOther}},
                        .granted = {.unicast = {kOther}},
                        .refusals = {refused("main-mac 02:00:00:00:00:01")}},
                    Row{.name = "NoFurtherAddress",
                        .request = {.unicast = {kOther}},
                        .refusals = {refused("unicast 02:00:00:00:00:01")}},
                    Row{.name = "FurtherAddressOfTheList",
                        .policy = {.unicast = only({"02:00:00:00:00:01"})},
                        .request = {.unicast = macs({"02:00:00:00:00:01", "02:00:00:00:00:02"})},
                        .granted = {.unicast = {kOther}},
                        .refusals = {refused("unicast 02:00:00:00:00:02")}},
                    Row{.name = "FurtherAddressOfAVendor",
                        .policy = {.unicast = only({"02:00:00"})},
                        .request = {.unicast = macs({"02:00:00:00:00:01", "02:00:01:00:00:01"})},
                        .granted = {.unicast = {kOther}},
                        .refusals = {refused("unicast 02:00:01:00:00:01")}},
                    Row{.name = "AnyFurtherAddressButSomebodyElses",
                        .policy = {.unicast = any_address()},
                        .request = {.unicast = macs({"02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"})},
                        .owners = {{mac("02:00:00:00:00:02"), "eth2"}, {mac("02:00:00:00:00:03"), "macvtap1"}},
                        .granted = {.unicast = {kOther}},
                        .refusals = {refused("unicast 02:00:00:00:00:02", " refused: eth2 has it"),
                                     refused("unicast 02:00:00:00:00:03", " refused: macvtap1 has it")}},
                    Row{.name = "FurtherAddressesThatAreNone",
                        .policy = {.unicast = any_address()},
                        .request = {.unicast = macs({"00:00:00:00:00:00", "01:00:5e:00:00:01"})},
                        .refusals = {refused("unicast 00:00:00:00:00:00", " refused: not a unicast address"),
                                     refused("unicast 01:00:5e:00:00:01", " refused: not a unicast address")}},
                    Row{.name = "OwnAndMainAddressCountInNoLimit",
                        .policy = {.main_mac = any_address(), .unicast = any_address(1)},
                        .request = {.main_mac = kOther, .unicast = plus({kOwn, kOther}, macs({"02:00:00:00:00:02"}))},
                        .granted = {.unicast = macs({"02:00:00:00:00:01", "02:00:00:00:00:02"})}}),
    rxf::test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    Groups, PolicyTable,
    testing::Values(
        Row{.name = "NoGroups",
            .policy = {.multicast = {}},
            .request = {.multicast = macs({"01:00:5e:00:00:fb"})},
            .refusals = {refused("multicast 01:00:5e:00:00:fb")}},
        Row{.name = "GroupsOfTheList",
            .policy = {.multicast = only({"01:00:5e:00:00:01", "33:33:00"})},
            .request = {.multicast = kGroups},
            .granted = {.flags = "m", .multicast = macs({"01:00:5e:00:00:01", "33:33:00:00:00:01"})},
            .refusals = {refused("multicast 01:00:5e:00:00:fb")}},
        Row{.name = "GroupsHaveNoOwners",
            .request = {.multicast = kGroups},
            .owners = {{mac("01:00:5e:00:00:fb"), "eth2"}},
            .granted = {.flags = "m", .multicast = kGroups}},
        Row{.name = "BroadcastAmongGroups",
            .request = {.multicast = macs({"01:00:5e:00:00:fb", "ff:ff:ff:ff:ff:ff"})},
            .granted = {.flags = "m", .multicast = macs({"01:00:5e:00:00:fb"})}},
        Row{.name = "GroupsThatAreNone",
            .request = {.multicast = {kOther}},
            .refusals = {refused("multicast 02:00:00:00:00:01", " refused: not a multicast address")}},
        Row{.name = "AllWhateverIsAsked",
            .policy = {.all_multicast = true},
            .request = {.multicast = kGroups},
            .granted = {.flags = "ma"}},
        Row{.name = "AllWhateverAllmultiSays",
            .policy = {.all_multicast = true, .allmulti = false},
            .request = {.any_multicast = true},
            .granted = {.flags = "ma"}},
        Row{.name = "AllAsked",
            .request = {.any_multicast = true, .multicast = kGroups},
            .previous = had({}, macs({"01:00:5e:00:00:aa"})),
            .granted = {.flags = "ma", .multicast = kGroups}},
        Row{.name = "AllAskedNothingKnown",
            .policy = {.allmulti = false},
            .request = {.any_multicast = true},
            .granted = {.flags = "m", .multicast = kBasic},
            .refusals = {"allmulti all multicast refused: the policy denies it"}},
        Row{.name = "AllAskedTheLastKnown",
            .policy = {.allmulti = false},
            .request = {.any_multicast = true},
            .previous = had({}, macs({"01:00:5e:00:00:fb", "33:33:00:00:00:fb"})),
            .granted = {.flags = "m", .multicast = plus(kBasic, macs({"01:00:5e:00:00:fb", "33:33:00:00:00:fb"}))},
            .refusals = {"allmulti all multicast refused: the policy denies it"}},
        Row{.name = "AllAskedTheLastKnownIsDeniedNow",
            .policy = {.multicast = only({"01:00:5e"}), .allmulti = true},
            .request = {.any_multicast = true},
            .previous = had({}, macs({"01:00:5e:00:00:fb", "33:33:00:00:00:fb"})),
            .granted = {.flags = "m", .multicast = macs({"01:00:5e:00:00:01", "01:00:5e:00:00:fb"})},
            .refusals = {"allmulti all multicast refused: the policy grants some multicast only"}},
        Row{.name = "AllAskedTheWholeList",
            .policy = {.multicast = only({"01:00:5e:00:00:05", "01:00:5e:00:00:06"})},
            .request = {.any_multicast = true},
            .granted = {.flags = "m", .multicast = macs({"01:00:5e:00:00:05", "01:00:5e:00:00:06"})},
            .refusals = {"allmulti all multicast refused: the policy grants some multicast only"}},
        Row{.name = "AllAskedNoGroups",
            .policy = {.multicast = {}},
            .request = {.any_multicast = true},
            .refusals = {"allmulti all multicast refused: the policy grants some multicast only"}},
        Row{.name = "AllAskedBelowALimit",
            .policy = {.multicast = any_address(2)},
            .request = {.any_multicast = true},
            .previous = had({}, macs({"33:33:00:00:00:fb"})),
            .granted = {.flags = "m", .multicast = macs({"01:00:5e:00:00:01", "33:33:00:00:00:fb"})},
            .refusals = {"allmulti all multicast refused: the policy grants some multicast only"}},
        Row{.name = "BasicGroupsOfTheGrantedMainMac",
            .policy = {.main_mac = any_address(), .allmulti = false},
            .request = {.main_mac = kOther, .any_multicast = true},
            .granted = {.flags = "m", .unicast = {kOther}, .multicast = plus(kBasic, macs({"33:33:ff:00:00:01"}))},
            .refusals = {"allmulti all multicast refused: the policy denies it"}},
        Row{.name = "BasicGroupsNotOfTheRefusedMainMac",
            .policy = {.allmulti = false},
            .request = {.main_mac = kOther, .any_multicast = true},
            .granted = {.flags = "m", .multicast = kBasic},
            .refusals = {refused("main-mac 02:00:00:00:00:01"),
                         "allmulti all multicast refused: the policy denies it"}}),
    rxf::test::kRowName);

const AddressSet kFive = many_macs("02:00:00:00", 5);
const AddressSet kFiveGroups = many_macs("01:00:5e:00", 5);

INSTANTIATE_TEST_SUITE_P(
    Limits, PolicyTable,
    testing::Values(
        Row{.name = "AsManyAsTheLimit",
            .policy = {.unicast = any_address(5), .multicast = any_address(5)},
            .request = {.unicast = kFive, .multicast = kFiveGroups},
            .granted = {.flags = "m", .unicast = kFive, .multicast = kFiveGroups}},
        Row{.name = "TheFirstWhereNothingWasGranted",
            .policy = {.unicast = any_address(3), .multicast = any_address(4)},
            .request = {.unicast = kFive, .multicast = kFiveGroups},
            .granted = {.flags = "m", .unicast = many_macs("02:00:00:00", 3), .multicast = many_macs("01:00:5e:00", 4)},
            .refusals = {"unicast 02:00:00:00:00:03 refused: more than 3 addresses",
                         "unicast 02:00:00:00:00:04 refused: more than 3 addresses",
                         "multicast 01:00:5e:00:00:04 refused: more than 4 addresses"}},
        Row{.name = "WhatWasGrantedIsKept",
            .policy = {.unicast = any_address(2), .multicast = any_address(1)},
            .request = {.unicast = kFive, .multicast = kFiveGroups},
            .previous = had(macs({"02:00:00:00:00:04"}), macs({"01:00:5e:00:00:03"})),
            .granted = {.flags = "m",
                        .unicast = macs({"02:00:00:00:00:00", "02:00:00:00:00:04"}),
                        .multicast = macs({"01:00:5e:00:00:03"})},
            .refusals = {"unicast 02:00:00:00:00:01 refused: more than 2 addresses",
                         "unicast 02:00:00:00:00:02 refused: more than 2 addresses",
                         "unicast 02:00:00:00:00:03 refused: more than 2 addresses",
                         "multicast 01:00:5e:00:00:00 refused: more than 1 address",
                         "multicast 01:00:5e:00:00:01 refused: more than 1 address",
                         "multicast 01:00:5e:00:00:02 refused: more than 1 address",
                         "multicast 01:00:5e:00:00:04 refused: more than 1 address"}},
        Row{.name = "WhatWasGrantedAndIsNotAskedIsNotKept",
            .policy = {.unicast = any_address(1), .multicast = any_address(1)},
            .request = {.unicast = macs({"02:00:00:00:00:07"}), .multicast = macs({"01:00:5e:00:00:07"})},
            .previous = had(macs({"02:00:00:00:00:04"}), macs({"01:00:5e:00:00:03"})),
            .granted = {.flags = "m",
                        .unicast = macs({"02:00:00:00:00:07"}),
                        .multicast = macs({"01:00:5e:00:00:07"})}},
        Row{.name = "WhatIsRefusedTakesNoPlace",
            .policy = {.unicast = any_address(1)},
            .request = {.unicast = macs({"02:00:00:00:00:01", "02:00:00:00:00:02"})},
            .owners = {{kOther, "eth2"}},
            .granted = {.unicast = macs({"02:00:00:00:00:02"})},
            .refusals = {"unicast 02:00:00:00:00:01 refused: eth2 has it"}}),
    rxf::test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    Modes, PolicyTable,
    testing::Values(Row{.name = "PromiscDenied",
                        .policy = {.unicast = any_address()},
                        .request = {.promisc = true, .unicast = {kOther}, .multicast = kGroups, .vlans = vlans("42")},
                        .granted = {.flags = "ma", .unicast = {kOther}, .multicast = kGroups, .vlans = "42"},
                        .refusals = {"promisc promiscuous refused: the policy denies promiscuous mode"}},
                    Row{.name = "PromiscAndAllmultiDenied",
                        .policy = {.allmulti = false},
                        .request = {.promisc = true, .multicast = macs({"01:00:5e:00:00:fb"})},
                        .granted = {.flags = "m", .multicast = plus(kBasic, macs({"01:00:5e:00:00:fb"}))},
                        .refusals = {"promisc promiscuous refused: the policy denies promiscuous mode"}},
                    Row{.name = "GroupsOfBeforeArePastWhereTheTableIsKnown",
                        .policy = {.allmulti = false},
                        .request = {.promisc = true},
                        .previous = had({}, kGroups),
                        .granted = {.flags = "m", .multicast = kBasic},
                        .refusals = {"promisc promiscuous refused: the policy denies promiscuous mode"}},
                    Row{.name = "PromiscAllowed",
                        .policy = {.promisc = true},
                        .request = {.promisc = true, .unicast = {kOther}, .multicast = kGroups, .vlans = vlans("42")},
                        .granted = {.flags = "mp", .multicast = kGroups, .vlans = "any"}},
                    Row{.name = "PromiscAllowedMainMacIsStillOnRecord",
                        .policy = {.promisc = true},
                        .request = {.main_mac = kOther, .promisc = true},
                        .granted = {.flags = "p", .vlans = "any"},
                        .refusals = {refused("main-mac 02:00:00:00:00:01")}},
                    Row{.name = "PromiscAllowedOnSomeVlans",
                        .policy = {.vlans = vlans("10,20-29"), .promisc = true},
                        .request = {.promisc = true, .vlans = vlans("10")},
                        .granted = {.flags = "p", .vlans = "10,20-29"},
                        .refusals = {"vlan any VLAN refused: the policy grants some VLANs only"}},
                    Row{.name = "PromiscAllowedAndNotAsked",
                        .policy = {.promisc = true},
                        .request = {.vlans = vlans("42")},
                        .granted = {.vlans = "42"}},
                    Row{.name = "AllmultiUnderPromisc",
                        .policy = {.promisc = true, .allmulti = false},
                        .request = {.promisc = true, .any_multicast = true},
                        .granted = {.flags = "mp", .multicast = kBasic, .vlans = "any"}},
                    Row{.name = "AnyUnicastDeniedNothingKnown",
                        .request = {.any_unicast = true},
                        .refusals = {"unicast any address refused: the policy denies promiscuous mode"}},
                    Row{.name = "AnyUnicastDeniedTheLastKnown",
                        .policy = {.unicast = only({"02:00:00"})},
                        .request = {.any_unicast = true},
                        .previous = had(macs({"02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:01:00:00:01"}), {}),
                        .owners = {{mac("02:00:00:00:00:02"), "eth2"}},
                        .granted = {.unicast = {kOther}},
                        .refusals = {"unicast any address refused: the policy denies promiscuous mode"}},
                    Row{.name = "AnyUnicastAllowedAsPromisc",
                        .policy = {.promisc = true},
                        .request = {.any_unicast = true, .vlans = vlans("42")},
                        .granted = {.flags = "p", .vlans = "42"}},
                    Row{.name = "AddressesOfBeforeArePastWherePromiscIsGranted",
                        .policy = {.unicast = any_address(), .promisc = true},
                        .request = {.any_unicast = true},
                        .previous = had({kOther}, {}),
                        .granted = {.flags = "p"}},
                    Row{.name = "BothTablesOverflow",
                        .policy = {.unicast = any_address(), .allmulti = false},
                        .request = {.any_unicast = true, .any_multicast = true},
                        .previous = had(macs({"02:00:00:00:00:01"}), macs({"01:00:5e:00:00:fb"})),
                        .granted = {.flags = "m",
                                    .unicast = {kOther},
                                    .multicast = plus(kBasic, macs({"01:00:5e:00:00:fb", "33:33:ff:00:00:01"}))},
                        .refusals = {"unicast any address refused: the policy denies promiscuous mode",
                                     "allmulti all multicast refused: the policy denies it"}},
                    Row{.name = "AddressesOfBeforeArePastWithoutOverflow",
                        .policy = {.unicast = any_address()},
                        .request = {.multicast = macs({"01:00:5e:00:00:fb"})},
                        .previous = had({kOther}, kGroups),
                        .granted = {.flags = "m", .multicast = macs({"01:00:5e:00:00:fb"})}}),
    rxf::test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    Vlans, PolicyTable,
    testing::Values(
        Row{.name = "VlansAreFollowed", .request = {.vlans = vlans("1,42,4094")}, .granted = {.vlans = "1,42,4094"}},
        Row{.name = "AnyVlanIsFollowed", .request = {.any_vlan = true}, .granted = {.vlans = "any"}},
        Row{.name = "VlansOfTheList",
            .policy = {.vlans = vlans("10,20-29")},
            .request = {.vlans = vlans("5,7-9,10,19,20-22")},
            .granted = {.vlans = "10,20-22"},
            .refusals = {refused("vlan VLANs 5,7-9,19")}},
        Row{.name = "OnlyVlansOfTheList",
            .policy = {.vlans = vlans("10,20-29")},
            .request = {.vlans = vlans("10,20")},
            .granted = {.vlans = "10,20"}},
        Row{.name = "OneVlanOutsideTheList",
            .policy = {.vlans = vlans("10")},
            .request = {.vlans = vlans("10,42")},
            .granted = {.vlans = "10"},
            .refusals = {refused("vlan VLAN 42")}},
        Row{.name = "AnyVlanOfTheList",
            .policy = {.vlans = vlans("10,20-29")},
            .request = {.any_vlan = true},
            .granted = {.vlans = "10,20-29"},
            .refusals = {"vlan any VLAN refused: the policy grants some VLANs only"}},
        Row{.name = "NoVlan",
            .policy = {.vlans = VlanSet{}},
            .request = {.vlans = vlans("42")},
            .refusals = {refused("vlan VLAN 42")}},
        Row{.name = "AnyVlanWhereNoneIsAllowed",
            .policy = {.vlans = VlanSet{}},
            .request = {.any_vlan = true},
            .refusals = {"vlan any VLAN refused: the policy grants some VLANs only"}}),
    rxf::test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    Silent, PolicyTable,
    testing::Values(Row{.name = "SilentHasAllMulticastUntagged",
                        .request = {.silent = true, .any_multicast = true},
                        .granted = {.flags = "ma"}},
                    Row{.name = "SilentIsNotOnRecord",
                        .policy = {.vlans = vlans("10"), .allmulti = false},
                        .request = {.silent = true, .main_mac = kOther, .any_multicast = true, .any_vlan = true},
                        .granted = {.flags = "m", .multicast = kBasic, .vlans = "10"}},
                    Row{.name = "SilentHasNotWhatTheGuestHadBefore",
                        .policy = {.unicast = any_address(), .allmulti = false},
                        .request = {.silent = true, .any_multicast = true},
                        .previous = had({kOther}, kGroups),
                        .granted = {.flags = "m", .multicast = kBasic}},
                    Row{.name = "SilentUnderAListIsUntagged",
                        .policy = {.vlans = vlans("10,20-29")},
                        .request = {.silent = true, .any_multicast = true},
                        .granted = {.flags = "ma"}},
                    Row{.name = "SilentThatCannotTellVlans",
                        .request = {.silent = true, .any_multicast = true, .any_vlan = true},
                        .granted = {.flags = "ma", .vlans = "any"}},
                    Row{.name = "SilentWithItsOwnMainMac",
                        .policy = {.main_mac = any_address()},
                        .request = {.silent = true, .main_mac = kOther, .any_multicast = true},
                        .granted = {.flags = "ma", .unicast = {kOther}}}),
    rxf::test::kRowName);

TEST(Policy, GrantsNoMoreThanAnUpperHolds) {
  const GuestRequest request{
      .main_mac = kOwn, .unicast = many_macs("02:00:00:00", 1000), .multicast = many_macs("01:00:5e:00", 1000)};
  const Judgement judgement = judge({.unicast = any_address()}, kOwn, request, {}, {});
  EXPECT_TRUE(validate(judgement.granted));
  EXPECT_EQ(judgement.granted.addresses->unicast.size(), 1001U);
  EXPECT_EQ(judgement.granted.addresses->multicast, many_macs("01:00:5e:00", 23));
  EXPECT_EQ(judgement.refusals.size(), 977U);
  EXPECT_EQ(to_string(judgement.refusals.front()), "multicast 01:00:5e:00:00:17 refused: more than 1024 addresses");
}

TEST(Policy, OwnAddressThatIsNoneIsLeftOut) {
  for (const char* none : {"00:00:00:00:00:00", "01:00:5e:00:00:01"}) {
    const Judgement judgement = judge({}, mac(none), {.main_mac = mac(none)}, {}, {});
    EXPECT_TRUE(judgement.granted.addresses->unicast.empty());
    EXPECT_TRUE(judgement.refusals.empty());
  }
}

TEST(Policy, AddressesOfTheWrongListInThePolicyAreNeverGranted) {
  const Policy policy{.unicast = any_address(), .multicast = only({"02:00:00:00:00:01", "33:33:00:00:00:01"})};
  const Judgement judgement = judge(policy, kOwn, {.main_mac = kOwn, .any_unicast = true, .any_multicast = true},
                                    had(macs({"33:33:00:00:00:05"}), macs({"02:00:00:00:00:01"})), {});
  EXPECT_EQ(judgement.granted.addresses->unicast, AddressSet{kOwn});
  EXPECT_EQ(judgement.granted.addresses->multicast, macs({"33:33:00:00:00:01"}));
}

TEST(Policy, FilterSetOfAnUnfilteredUpperIsNoneToKeep) {
  const Judgement judgement =
      judge({.allmulti = false}, kOwn, {.main_mac = kOwn, .any_multicast = true}, FilterSet{.vlans = vlans("5")}, {});
  EXPECT_EQ(judgement.granted.addresses->multicast, kBasic);
}

TEST(RefusalKind, IsCalledAsInTheSettings) {
  EXPECT_STREQ(to_string(RefusalKind::main_mac), "main-mac");
  EXPECT_STREQ(to_string(RefusalKind::unicast), "unicast");
  EXPECT_STREQ(to_string(RefusalKind::multicast), "multicast");
  EXPECT_STREQ(to_string(RefusalKind::vlan), "vlan");
  EXPECT_STREQ(to_string(RefusalKind::promisc), "promisc");
  EXPECT_STREQ(to_string(RefusalKind::allmulti), "allmulti");
}

}  // namespace
}  // namespace rxf::guest
