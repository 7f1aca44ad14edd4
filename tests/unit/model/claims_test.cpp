// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/claims.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/unit/model/values.h"

namespace rxf {
namespace {

using test::mac;

const MacAddress kLowerdev = mac("02:00:00:00:00:f0");
const MacAddress kOwn = mac("02:00:00:00:00:01");
const MacAddress kSibling = mac("02:00:00:00:00:02");
const MacAddress kFree = mac("02:00:00:00:00:03");
const MacAddress kForeign = mac("02:00:00:00:00:05");
const MacAddress kListed = mac("02:00:00:00:00:06");
const MacAddress kVlanDevice = mac("02:00:00:00:00:07");
const MacAddress kTaken = mac("02:00:00:00:00:04");

FilterSet wanting(const AddressSet& unicast) {
  return {.addresses = AddressFilter{.flags = {.broadcast = true}, .unicast = unicast, .multicast = {}},
          .vlans = std::nullopt};
}

struct Row {
  const char* name;
  UpperMode mode;
  AddressSet wanted;
  std::string refusal;  // "": granted
};

const Row kRows[] = {
    {"FreeAddress", UpperMode::bridge, {kFree}, ""},
    {"OwnAddress", UpperMode::bridge, {kOwn}, ""},
    {"LowerDevices", UpperMode::vepa, {kFree, kLowerdev}, "02:00:00:00:00:f0 is in use: it is eth2's own address"},
    {"Siblings", UpperMode::private_, {kSibling}, "02:00:00:00:00:02 is in use: it is macvtap9's own address"},
    {"InSiblingsSet", UpperMode::bridge, {kTaken}, "02:00:00:00:00:04 is in use: it is in the filter set of macvtap9"},
    {"OnTheLowerDevicesList",
     UpperMode::bridge,
     {kForeign},
     "02:00:00:00:00:05 is in use: it is on the unicast list of eth2, for the host or an upper in another network "
     "namespace"},
    {"OnTheListForItself", UpperMode::bridge, {kListed}, ""},
    {"VlanDevices", UpperMode::bridge, {kVlanDevice}, "02:00:00:00:00:07 is in use: it is eth2.7's own address"},
    {"PassthruHasTheDeviceAlone", UpperMode::passthru, {kLowerdev}, ""},
};

class ClaimsOf : public testing::TestWithParam<Row> {};

TEST_P(ClaimsOf, Row) {
  const Row& row = GetParam();
  Snapshot snapshot{.ifindex = 4,
                    .name = "eth2",
                    .address = kLowerdev,
                    .unicast = {kOwn, kSibling, kForeign, kListed},
                    .listed_by_us = {kListed},
                    .others = {{.name = "eth2.7", .address = kVlanDevice}}};
  snapshot.uppers = {
      {.ifindex = 8, .name = "macvtap8", .address = kOwn, .mode = row.mode, .filter = wanting({kListed})}};
  if (row.mode != UpperMode::passthru)
    snapshot.uppers.push_back({.ifindex = 9, .name = "macvtap9", .address = kSibling, .filter = wanting({kTaken})});
  const auto done = check_claims(snapshot, 8, wanting(row.wanted));
  EXPECT_EQ(done ? "" : done.error().text, row.refusal);
  if (!done) {
    EXPECT_EQ(done.error().code, EADDRINUSE);
  }
}
INSTANTIATE_TEST_SUITE_P(Uppers, ClaimsOf, testing::ValuesIn(kRows), test::kRowName);

// Upper 8 has claimed an address that has got an owner since.
Snapshot with_claim_on(const MacAddress& address) {
  return {.ifindex = 4,
          .name = "eth2",
          .address = kLowerdev,
          .unicast = {kOwn, kSibling, kForeign, kListed},
          .listed_by_us = {kListed},
          .others = {{.name = "eth2.7", .address = kVlanDevice}},
          .uppers = {{.ifindex = 8, .name = "macvtap8", .address = kOwn, .filter = wanting({kListed, address})},
                     {.ifindex = 9, .name = "macvtap9", .address = kSibling, .filter = wanting({kTaken})}}};
}

TEST(Claims, WhatIsClaimedAlreadyIsNoErrorOfAnotherChange) {
  for (const MacAddress& address : {kLowerdev, kSibling, kTaken, kForeign, kVlanDevice}) {
    const Snapshot snapshot = with_claim_on(address);
    FilterSet wanted = snapshot.uppers[0].filter;
    wanted.vlans = test::vlans("5");
    EXPECT_TRUE(check_claims(snapshot, 8, wanted)) << to_string(address);
    wanted.addresses->unicast.insert(kFree);
    EXPECT_TRUE(check_claims(snapshot, 8, wanted)) << to_string(address);
    wanted.addresses->unicast.insert({kLowerdev, kSibling});
    EXPECT_FALSE(check_claims(snapshot, 8, wanted)) << to_string(address);
  }
}

struct ConflictRow {
  const char* name;
  MacAddress address;
  std::string owner;  // "": none
};

const ConflictRow kConflictRows[] = {
    {"Nobody", kFree, ""},
    {"LowerDevice", kLowerdev, "eth2's own address"},
    {"Sibling", kSibling, "macvtap9's own address"},
    {"VlanDevice", kVlanDevice, "eth2.7's own address"},
    {"List", kForeign, "on the unicast list of eth2, for the host or an upper in another network namespace"},
};

class ConflictOver : public testing::TestWithParam<ConflictRow> {};

TEST_P(ConflictOver, Row) {
  const auto found = conflicts(with_claim_on(GetParam().address));
  std::vector<Conflict> expected;
  if (!GetParam().owner.empty()) expected.push_back({"macvtap8", GetParam().address, GetParam().owner});
  EXPECT_EQ(found, expected);
}
INSTANTIATE_TEST_SUITE_P(Owners, ConflictOver, testing::ValuesIn(kConflictRows), test::kRowName);

// Steering has room for one of them: the other has a conflict.
TEST(Claims, OfTwoFilterSetsOneHasTheAddress) {
  EXPECT_EQ(conflicts(with_claim_on(kTaken)),
            (std::vector<Conflict>{{"macvtap8", kTaken, "in the filter set of macvtap9"}}));
}

// Nothing is steered to an upper in source mode, so its set takes nothing from others, and may have what it likes.
TEST(Claims, AnUpperInSourceModeMakesNone) {
  Snapshot snapshot = with_claim_on(kTaken);
  snapshot.uppers[1].mode = UpperMode::source;
  EXPECT_EQ(conflicts(snapshot), std::vector<Conflict>{});
  EXPECT_TRUE(check_claims(snapshot, 8, wanting({kTaken})));
  EXPECT_TRUE(check_claims(snapshot, 9, wanting({kLowerdev})));
}

TEST(Claims, OnlySteeredOnesConflict) {
  for (const UpperMode mode : {UpperMode::passthru, UpperMode::source}) {
    Snapshot snapshot = with_claim_on(kLowerdev);
    snapshot.uppers.pop_back();
    snapshot.uppers[0].mode = mode;
    EXPECT_EQ(conflicts(snapshot), std::vector<Conflict>{});
  }
}

TEST(Claims, AConflictIsSaidWithTheNextStep) {
  EXPECT_EQ(
      to_string(Conflict{"macvtap8", kFree, "eth2's own address"}),
      "02:00:00:00:00:03 is a further address of macvtap8, and eth2's own address: its frames are left to the "
      "owner as long as that is so: rxfilter-loader set macvtap8 --unicast -02:00:00:00:00:03 gives the claim up");
}

TEST(Claims, NoAddressHalfClaimsNothing) {
  Snapshot snapshot{.address = kLowerdev, .uppers = {{.ifindex = 8, .address = kOwn}}};
  EXPECT_TRUE(check_claims(snapshot, 8, FilterSet{}));
}

}  // namespace
}  // namespace rxf
