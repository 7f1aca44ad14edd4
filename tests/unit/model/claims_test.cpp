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
    {"PassthruHasTheDeviceAlone", UpperMode::passthru, {kLowerdev}, ""},
};

class ClaimsOf : public testing::TestWithParam<Row> {};

TEST_P(ClaimsOf, Row) {
  const Row& row = GetParam();
  Snapshot snapshot{.ifindex = 4, .name = "eth2", .address = kLowerdev, .unicast = {kOwn, kSibling, kForeign, kListed}};
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

TEST(Claims, NoAddressHalfClaimsNothing) {
  Snapshot snapshot{.address = kLowerdev, .uppers = {{.ifindex = 8, .address = kOwn}}};
  EXPECT_TRUE(check_claims(snapshot, 8, FilterSet{}));
}

}  // namespace
}  // namespace rxf
