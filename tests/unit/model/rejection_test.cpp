// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/rejection.h"

#include <gtest/gtest.h>

namespace rxf {
namespace {

constexpr MacAddress kOwn = {{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kListed = {{2, 0, 0, 0, 0, 2}};
constexpr MacAddress kUnknown = {{2, 0, 0, 0, 0, 3}};
constexpr MacAddress kGroup = {{0x33, 0x33, 0, 0, 0, 1}};
constexpr MacAddress kOtherGroup = {{0x33, 0x33, 0, 0, 0, 2}};
constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

Upper upper(const std::string& name = "m0") {
  return {
      .name = name,
      .address = kOwn,
      .filter = {.addresses = AddressFilter{.flags = {.multicast = true}, .unicast = {kListed}, .multicast = {kGroup}},
                 .vlans = *VlanSet::parse("42,100-109")}};
}

Frame frame(const MacAddress& destination, std::uint16_t vid = 7) {
  return {.destination = destination, .tag = VlanTag{kTpidCustomer, vid}};
}

TEST(ClaimText, IsWhatTheAddressHalfTakes) {
  Upper one = upper();
  EXPECT_EQ(claim_text(one, kOwn), "has this address");
  EXPECT_EQ(claim_text(one, kListed), "has this address");
  EXPECT_EQ(claim_text(one, kUnknown), "");
  EXPECT_EQ(claim_text(one, kGroup), "has joined this group");
  EXPECT_EQ(claim_text(one, kOtherGroup), "");
  EXPECT_EQ(claim_text(one, kBroadcast), "");
  one.filter.addresses->flags = {.broadcast = true, .allmulti = true};
  EXPECT_EQ(claim_text(one, kBroadcast), "takes broadcast");
  EXPECT_EQ(claim_text(one, kOtherGroup), "takes all multicast");
  one.filter.addresses->flags = {.promisc = true};
  EXPECT_EQ(claim_text(one, kUnknown), "takes any address");
  one.filter.addresses.reset();
  EXPECT_EQ(claim_text(one, kBroadcast), "takes any address");
}

TEST(GuardRejection, NamesWhatIsMissing) {
  Upper one = upper();
  EXPECT_EQ(guard_rejection(one, frame(kListed), Verdict::vlan), "m0 has this address, but on VLANs 42,100-109 only");
  EXPECT_EQ(guard_rejection(one, frame(kUnknown), Verdict::vlan), "m0 is on VLANs 42,100-109 only");
  EXPECT_EQ(guard_rejection(one, frame(kUnknown), Verdict::unicast), "m0 does not have this address");
  EXPECT_EQ(guard_rejection(one, frame(kOtherGroup), Verdict::multicast), "m0 has not joined 33:33:00:00:00:02");
  EXPECT_EQ(guard_rejection(one, frame(kBroadcast), Verdict::broadcast), "the broadcast flag of m0 is off");
  one.filter.vlans = *VlanSet::parse("42");
  EXPECT_EQ(guard_rejection(one, frame(kListed), Verdict::vlan), "m0 has this address, but on VLAN 42 only");
  one.filter.vlans = VlanSet{};
  one.filter.addresses->flags.multicast = false;
  EXPECT_EQ(guard_rejection(one, frame(kGroup), Verdict::vlan), "m0 has joined this group, but on no VLAN");
  EXPECT_EQ(guard_rejection(one, frame(kGroup), Verdict::multicast), "the multicast flag of m0 is off");
}

TEST(EarlyRejection, NamesUppersThatHaveTheAddress) {
  std::vector<Upper> uppers = {upper("m0"), upper("m1")};
  uppers[0].filter.addresses->unicast.clear();
  EXPECT_EQ(early_rejection(uppers, frame(kListed), Verdict::vlan).text,
            "m1 has this address, but on VLANs 42,100-109 only");
  EXPECT_TRUE(early_rejection(uppers, frame(kListed), Verdict::vlan).named);
  EXPECT_EQ(early_rejection(uppers, frame(kUnknown), Verdict::vlan).text, "no upper is on VLAN 7");
  EXPECT_FALSE(early_rejection(uppers, frame(kUnknown), Verdict::vlan).named);
  uppers[0].filter = {};
  EXPECT_EQ(early_rejection(uppers, frame(kListed), Verdict::vlan).text,
            "m1 has this address, but on VLANs 42,100-109 only")
      << "the unfiltered one rejects nothing";
  uppers[0] = upper("m0");
  for (const char* name : {"m2", "m3", "m4"}) uppers.push_back(upper(name));
  EXPECT_TRUE(early_rejection(uppers, frame(kGroup), Verdict::vlan).text.ends_with("only; and 2 more like these"));
  EXPECT_EQ(early_rejection(uppers, frame(kUnknown), Verdict::unicast).text,
            "no upper and nobody on the host has this address");
  EXPECT_EQ(early_rejection(uppers, frame(kOtherGroup), Verdict::multicast).text,
            "no upper has joined 33:33:00:00:00:02");
  EXPECT_EQ(early_rejection(uppers, frame(kBroadcast), Verdict::broadcast).text, "no upper has the broadcast flag");
}

}  // namespace
}  // namespace rxf
