// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/verdict.h"

#include <array>

#include "bpf/rx_filter_abi.h"
#include "tests/unit/model/values.h"

namespace rxf {
namespace {

using test::frame_to;
using test::mac;
using test::vlans;

static_assert(static_cast<int>(Verdict::accept) == RXF_ADMITTED);
static_assert(static_cast<int>(Verdict::vlan) == RXF_DROP_VLAN);
static_assert(static_cast<int>(Verdict::broadcast) == RXF_DROP_BROADCAST);
static_assert(static_cast<int>(Verdict::multicast) == RXF_DROP_MULTICAST);
static_assert(static_cast<int>(Verdict::unicast) == RXF_DROP_UNICAST);

const MacAddress kOwn = mac("02:00:00:00:00:01");
const MacAddress kListed = mac("02:00:00:00:00:02");
const MacAddress kStranger = mac("02:00:00:00:00:03");
const MacAddress kJoined = mac("01:00:5e:00:00:02");
const MacAddress kUnjoined = mac("01:00:5e:00:00:03");
const MacAddress kLinkLocal = mac("01:80:c2:00:00:0e");
const MacAddress kBroadcast = mac("ff:ff:ff:ff:ff:ff");

// One listed address each; VLANs 42 and 43 where `with_vlans`.
FilterSet filter(const FilterFlags& flags, bool with_vlans = true) {
  FilterSet set;
  set.addresses = AddressFilter{.flags = flags, .unicast = {kListed}, .multicast = {kJoined}};
  if (with_vlans) set.vlans = vlans("42-43");
  return set;
}

FilterSet vlan_half_only(std::string_view text) { return {.addresses = std::nullopt, .vlans = vlans(text)}; }

struct JudgeRow {
  const char* name;
  FilterSet filter;
  Frame frame;
  Verdict verdict;
};

constexpr FilterFlags kNoFlags = {};
constexpr FilterFlags kUsual = {.broadcast = true, .multicast = true};
constexpr FilterFlags kMulticastOnly = {.multicast = true};
constexpr FilterFlags kPromisc = {.promisc = true};
constexpr FilterFlags kAllmulti = {.allmulti = true};

constexpr VlanTag kPriority = {.tpid = kTpidCustomer, .tci = 0xe000};
const Frame kOutOfReach = {.destination = kOwn, .tag = std::nullopt, .tags_out_of_reach = true};

const JudgeRow kJudgeRows[] = {
    {"UnfilteredTakesAnything", {}, frame_to(kStranger, 7), Verdict::accept},
    {"UnfilteredTakesBroadcast", {}, frame_to(kBroadcast), Verdict::accept},

    {"VlanInSet", filter(kUsual), frame_to(kOwn, 42), Verdict::accept},
    {"VlanNotInSet", filter(kUsual), frame_to(kOwn, 41), Verdict::vlan},
    {"VlanBeforeUnicast", filter(kUsual), frame_to(kStranger, 41), Verdict::vlan},
    {"VlanBeforeBroadcast", filter(kNoFlags), frame_to(kBroadcast, 41), Verdict::vlan},
    {"VlanBeforeMulticast", filter(kUsual), frame_to(kUnjoined, 41), Verdict::vlan},
    {"VlanBeforePromisc", filter(kPromisc), frame_to(kOwn, 41), Verdict::vlan},
    {"NoVlanHalfTakesAnyVlan", filter(kUsual, false), frame_to(kOwn, 41), Verdict::accept},
    {"UntaggedPassesVlanSet", filter(kUsual), frame_to(kOwn), Verdict::accept},
    {"PriorityTagPassesVlanSet", filter(kUsual), frame_with(kOwn, std::array{kPriority}), Verdict::accept},
    {"TagBehindPriorityTagCounts", filter(kUsual), frame_with(kOwn, std::array{kPriority, VlanTag{kTpidCustomer, 41}}),
     Verdict::vlan},
    {"OutOfReachIsRejected", filter(kUsual), kOutOfReach, Verdict::vlan},
    {"OutOfReachWithoutVlanHalf", filter(kUsual, false), kOutOfReach, Verdict::accept},
    {"ServiceTagPassesVlanSet", filter(kUsual), {kOwn, VlanTag{kTpidService, 41}}, Verdict::accept},
    {"EmptyVlanSetTakesUntagged", vlan_half_only("none"), frame_to(kStranger), Verdict::accept},
    {"EmptyVlanSetTakesNoVlan", vlan_half_only("none"), frame_to(kStranger, 1), Verdict::vlan},
    {"NoAddressHalfTakesAnyAddress", vlan_half_only("42"), frame_to(kStranger, 42), Verdict::accept},
    {"NoAddressHalfTakesBroadcast", vlan_half_only("42"), frame_to(kBroadcast, 42), Verdict::accept},

    {"PromiscTakesStranger", filter(kPromisc), frame_to(kStranger), Verdict::accept},
    {"PromiscTakesBroadcast", filter(kPromisc), frame_to(kBroadcast), Verdict::accept},
    {"PromiscTakesMulticast", filter(kPromisc), frame_to(kUnjoined, 42), Verdict::accept},

    {"Broadcast", filter(kUsual), frame_to(kBroadcast), Verdict::accept},
    {"BroadcastFlagMissing", filter(kMulticastOnly), frame_to(kBroadcast), Verdict::broadcast},
    {"AllmultiIsNotBroadcast", filter(kAllmulti), frame_to(kBroadcast), Verdict::broadcast},

    {"Joined", filter(kUsual), frame_to(kJoined), Verdict::accept},
    {"NotJoined", filter(kUsual), frame_to(kUnjoined), Verdict::multicast},
    {"MulticastFlagMissing", filter({.broadcast = true}), frame_to(kJoined), Verdict::multicast},
    {"Allmulti", filter(kAllmulti), frame_to(kUnjoined), Verdict::accept},
    {"AllmultiTakesLinkLocal", filter(kAllmulti), frame_to(kLinkLocal), Verdict::accept},
    {"LinkLocalIsMulticast", filter(kUsual), frame_to(kLinkLocal), Verdict::multicast},

    {"OwnAddress", filter(kNoFlags), frame_to(kOwn), Verdict::accept},
    {"ListedAddress", filter(kNoFlags), frame_to(kListed), Verdict::accept},
    {"Stranger", filter(kUsual), frame_to(kStranger), Verdict::unicast},
    {"AllmultiIsNotUnicast", filter(kAllmulti), frame_to(kStranger), Verdict::unicast},
};

class Judge : public testing::TestWithParam<JudgeRow> {};

TEST_P(Judge, Row) {
  EXPECT_EQ(to_string(judge(GetParam().filter, kOwn, GetParam().frame)), to_string(GetParam().verdict));
}
INSTANTIATE_TEST_SUITE_P(Frames, Judge, testing::ValuesIn(kJudgeRows), test::kRowName);

TEST(Verdict, HasTheNamesOfTheReasons) {
  EXPECT_EQ(to_string(Verdict::accept), "accept");
  EXPECT_EQ(to_string(Verdict::vlan), "vlan");
  EXPECT_EQ(to_string(Verdict::broadcast), "broadcast");
  EXPECT_EQ(to_string(Verdict::multicast), "multicast");
  EXPECT_EQ(to_string(Verdict::unicast), "unicast");
}

}  // namespace
}  // namespace rxf
