// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/plan.h"

#include <array>

#include "loader/model/verdict.h"
#include "tests/unit/model/values.h"

namespace rxf {
namespace {

using test::frame_to;
using test::mac;
using test::vlans;

const MacAddress kLowerdev = mac("02:00:00:00:00:f0");
const MacAddress kOwn = mac("02:00:00:00:00:01");
const MacAddress kSibling = mac("02:00:00:00:00:02");
const MacAddress kListed = mac("02:00:00:00:00:03");
const MacAddress kForeign = mac("02:00:00:00:00:04");
const MacAddress kJoined = mac("01:00:5e:00:00:02");
const MacAddress kUnjoined = mac("01:00:5e:00:00:03");
const MacAddress kBroadcast = mac("ff:ff:ff:ff:ff:ff");

constexpr FilterFlags kUsual = {.broadcast = true, .multicast = true};

FilterSet filter(const FilterFlags& flags, std::optional<VlanSet> vlan_half = std::nullopt) {
  FilterSet set;
  set.addresses = AddressFilter{.flags = flags, .unicast = {kListed}, .multicast = {kJoined}};
  set.vlans = std::move(vlan_half);
  return set;
}

FilterSet vlan_half_only(std::string_view text) { return {.addresses = std::nullopt, .vlans = vlans(text)}; }

// How the programs read rules; the reference they are held against is judge().
bool accepts(const Rules& rules, const Frame& frame) {
  const MacAddress& d = frame.destination;
  if (const auto vid = frame.vlan(); vid && !rules.any_vlan && !rules.vlans.contains(*vid)) return false;
  if (rules.any_address) return true;
  if (d.is_broadcast()) return rules.broadcast;
  return (d.is_group() && rules.allmulti) || rules.addresses.contains(d);
}

bool accepts(const HostRules& host, const Frame& frame) {
  const MacAddress& d = frame.destination;
  const auto vid = frame.vlan();
  return (vid && host.vlans.contains(*vid)) || (host.groups && d.is_group()) || host.addresses.contains(d);
}

bool passes(const EarlyDropPlan& early, const Frame& frame) {
  return accepts(early.host, frame) || accepts(early.wanted, frame);
}

// Every flag combination, address half or not, VLAN half absent, empty or of one.
std::vector<FilterSet> all_filters() {
  std::vector<FilterSet> filters;
  const std::optional<VlanSet> vlan_halves[] = {std::nullopt, VlanSet{}, vlans("42")};
  for (const auto& vlan_half : vlan_halves) {
    filters.push_back({.addresses = std::nullopt, .vlans = vlan_half});
    for (unsigned bits = 0; bits < 16; ++bits)
      filters.push_back(filter({(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0}, vlan_half));
  }
  return filters;
}

std::vector<Frame> all_frames() {
  std::vector<Frame> frames;
  for (const auto& d : {kLowerdev, kOwn, kSibling, kListed, kForeign, kJoined, kUnjoined, kBroadcast}) {
    for (const auto vid : std::to_array<std::uint16_t>({0, 7, 42})) frames.push_back(frame_to(d, vid));
    frames.push_back({.destination = d, .tag = VlanTag{.tpid = kTpidService, .tci = 7}});
  }
  return frames;
}

struct RulesRow {
  const char* name;
  FilterSet filter;
  Rules rules;
};

const RulesRow kRulesRows[] = {
    {"Unfiltered", {}, {.any_vlan = true, .any_address = true}},
    {"VlansOnly", vlan_half_only("42"), {.any_address = true, .vlans = vlans("42")}},
    {"NoVlanAtAll", vlan_half_only("none"), {.any_address = true}},
    {"NoFlags", filter({}), {.any_vlan = true, .addresses = {kOwn, kListed}}},
    {"Usual", filter(kUsual), {.any_vlan = true, .broadcast = true, .addresses = {kOwn, kListed, kJoined}}},
    {"MulticastFlagOnly", filter({.multicast = true}), {.any_vlan = true, .addresses = {kOwn, kListed, kJoined}}},
    {"AllmultiMakesGroupsMeaningless",
     filter({.multicast = true, .allmulti = true}),
     {.any_vlan = true, .allmulti = true, .addresses = {kOwn, kListed}}},
    {"PromiscMakesAllMeaningless",
     filter({true, true, true, true}, vlans("42")),
     {.any_address = true, .vlans = vlans("42")}},
    {"BothHalves",
     filter(kUsual, vlans("42,100-109")),
     {.broadcast = true, .addresses = {kOwn, kListed, kJoined}, .vlans = vlans("42,100-109")}},
};

class RulesOf : public testing::TestWithParam<RulesRow> {};

TEST_P(RulesOf, Row) { EXPECT_EQ(rules_of(GetParam().filter, kOwn), GetParam().rules); }
INSTANTIATE_TEST_SUITE_P(Filters, RulesOf, testing::ValuesIn(kRulesRows), test::kRowName);

TEST(RulesOf, AcceptsExactlyWhatTheReferenceAccepts) {
  for (const auto& set : all_filters())
    for (const auto& frame : all_frames())
      ASSERT_EQ(accepts(rules_of(set, kOwn), frame), judge(set, kOwn, frame) == Verdict::accept)
          << to_string(frame.destination) << " vlan " << frame.vlan().value_or(0);
}

TEST(UnionOf, AcceptsWhatEitherAccepts) {
  for (const auto& left : all_filters())
    for (const auto& right : all_filters()) {
      const Rules a = rules_of(left, kOwn);
      const Rules b = rules_of(right, kSibling);
      const Rules both = union_of(a, b);
      ASSERT_EQ(both, union_of(b, a));
      for (const auto& frame : all_frames())
        if (accepts(a, frame) || accepts(b, frame)) {
          ASSERT_TRUE(accepts(both, frame));
        }
    }
}

TEST(UnionOf, IsCanonicalAndNoWiderThanNeeded) {
  for (const auto& set : all_filters()) {
    const Rules rules = rules_of(set, kOwn);
    EXPECT_EQ(union_of(rules, rules), rules);
    EXPECT_EQ(union_of(rules, Rules{}), rules);
  }
}

struct UnionRow {
  const char* name;
  Rules a, b, both;
};

const UnionRow kUnionRows[] = {
    {"Lists",
     {.broadcast = true, .addresses = {kOwn}, .vlans = vlans("10")},
     {.addresses = {kSibling, kJoined}, .vlans = vlans("11")},
     {.broadcast = true, .addresses = {kOwn, kSibling, kJoined}, .vlans = vlans("10-11")}},
    {"AnyVlanDropsVlans",
     {.any_vlan = true, .addresses = {kOwn}},
     {.addresses = {kSibling}, .vlans = vlans("11")},
     {.any_vlan = true, .addresses = {kOwn, kSibling}}},
    {"AnyAddressDropsAddresses",
     {.any_address = true, .vlans = vlans("10")},
     {.broadcast = true, .allmulti = true, .addresses = {kSibling}, .vlans = vlans("11")},
     {.any_address = true, .vlans = vlans("10-11")}},
    {"AllmultiDropsGroups",
     {.any_vlan = true, .allmulti = true, .addresses = {kOwn}},
     {.any_vlan = true, .addresses = {kSibling, kJoined}},
     {.any_vlan = true, .allmulti = true, .addresses = {kOwn, kSibling}}},
    {"AnyOfEachIsEverything",
     {.any_vlan = true, .addresses = {kOwn}},
     {.any_address = true, .vlans = vlans("10")},
     {.any_vlan = true, .any_address = true}},
};

class UnionOfRows : public testing::TestWithParam<UnionRow> {};

TEST_P(UnionOfRows, Row) {
  EXPECT_EQ(union_of(GetParam().a, GetParam().b), GetParam().both);
  EXPECT_EQ(union_of(GetParam().b, GetParam().a), GetParam().both);
}
INSTANTIATE_TEST_SUITE_P(Rules, UnionOfRows, testing::ValuesIn(kUnionRows), test::kRowName);

TEST(UnionOf, HostRules) {
  const HostRules a = {.groups = true, .addresses = {kOwn}, .vlans = vlans("10")};
  const HostRules b = {.groups = false, .addresses = {kForeign}, .vlans = vlans("11")};
  const HostRules both = {.groups = true, .addresses = {kOwn, kForeign}, .vlans = vlans("10-11")};
  EXPECT_EQ(union_of(a, b), both);
  EXPECT_EQ(union_of(b, a), both);
  EXPECT_EQ(union_of(b, HostRules{}), b);
}

Upper upper(std::uint32_t ifindex, UpperMode mode, FilterSet set, const MacAddress& address = kOwn) {
  return {.ifindex = ifindex,
          .name = "macvtap" + std::to_string(ifindex),
          .address = address,
          .mode = mode,
          .filter = std::move(set)};
}

Snapshot snapshot(std::vector<Upper> uppers) {
  return {.ifindex = 4,
          .name = "eth2",
          .address = kLowerdev,
          .unicast = {},
          .vlan_devices = vlans("7"),
          .uppers = std::move(uppers),
          .can_stand_down = true};
}

struct KernelRow {
  const char* name;
  UpperMode mode;
  FilterSet filter;
  KernelLists lists;
  bool unicast_filter = false;
};

const KernelRow kKernelRows[] = {
    {"PassthruUsual", UpperMode::passthru, filter(kUsual), {.unicast = {kListed}, .multicast = {kJoined}}},
    {"BridgeUsual", UpperMode::bridge, filter(kUsual), {.multicast = {kJoined}}},
    {"BridgeOnUnicastFilter", UpperMode::bridge, filter(kUsual), {.multicast = {kJoined}, .below = {kListed}}, true},
    {"PassthruOnUnicastFilter",
     UpperMode::passthru,
     filter(kUsual),
     {.unicast = {kListed}, .multicast = {kJoined}},
     true},
    {"SourceUsual", UpperMode::source, filter(kUsual), {.multicast = {kJoined}}},
    {"MulticastFlagMissing", UpperMode::passthru, filter({.broadcast = true}), {.unicast = {kListed}}},
    {"AllmultiKeepsJoins",
     UpperMode::passthru,
     filter({.multicast = true, .allmulti = true}),
     {.unicast = {kListed}, .multicast = {kJoined}, .allmulti = true}},
    {"PromiscNeedsAllmulti",
     UpperMode::passthru,
     filter({.multicast = true, .promisc = true}),
     {.unicast = {kListed}, .multicast = {kJoined}, .allmulti = true}},
    {"BridgeAllmulti", UpperMode::bridge, filter({.allmulti = true}), {.allmulti = true}},
    {"NoAddressHalf", UpperMode::passthru, vlan_half_only("42"), {}},
};

// The own address is left to the programs.
Rules guard_rules(const FilterSet& filter, const MacAddress& own) {
  Rules rules = rules_of(filter, own);
  if (!filter.addresses || !filter.addresses->unicast.contains(own)) rules.addresses.erase(own);
  return rules;
}

class PlanKernelLists : public testing::TestWithParam<KernelRow> {};

TEST_P(PlanKernelLists, Row) {
  Snapshot input = snapshot({upper(9, GetParam().mode, GetParam().filter)});
  input.unicast_filter = GetParam().unicast_filter;
  const auto result = plan(input);
  ASSERT_TRUE(result.uppers.contains(9));
  EXPECT_EQ(result.uppers.at(9).kernel, GetParam().lists);
  EXPECT_EQ(result.uppers.at(9).guard, guard_rules(GetParam().filter, kOwn));
}
INSTANTIATE_TEST_SUITE_P(Uppers, PlanKernelLists, testing::ValuesIn(kKernelRows), test::kRowName);

TEST(Plan, OwnAddressInUnicastListIsNoFdbEntry) {
  const auto result = plan(snapshot({upper(9, UpperMode::passthru, filter(kUsual), kListed)}));
  EXPECT_EQ(result.uppers.at(9).kernel.unicast, AddressSet{});
  EXPECT_EQ(result.uppers.at(9).guard.addresses, (AddressSet{kListed, kJoined}));
}

struct SteeringRow {
  const char* name;
  UpperMode mode;
  AddressSet steered;
  bool egress;
};

const SteeringRow kSteeringRows[] = {
    {"Private", UpperMode::private_, {kListed}, false}, {"Vepa", UpperMode::vepa, {kListed}, false},
    {"Bridge", UpperMode::bridge, {kListed}, true},     {"Passthru", UpperMode::passthru, {}, false},
    {"Source", UpperMode::source, {}, false},
};

class PlanSteering : public testing::TestWithParam<SteeringRow> {};

TEST_P(PlanSteering, Row) {
  const auto result = plan(snapshot({upper(9, GetParam().mode, filter(kUsual))}));
  EXPECT_EQ(result.uppers.at(9).steered, GetParam().steered);
  EXPECT_EQ(result.uppers.at(9).steer_egress, GetParam().egress);
}
INSTANTIATE_TEST_SUITE_P(Uppers, PlanSteering, testing::ValuesIn(kSteeringRows), test::kRowName);

TEST(Plan, BesideOtherModesNothingIsSteeredOnItsWayOut) {
  const auto result =
      plan(snapshot({upper(8, UpperMode::vepa, {}, kSibling), upper(9, UpperMode::bridge, filter(kUsual))}));
  EXPECT_EQ(result.uppers.at(9).steered, AddressSet{kListed});
  EXPECT_FALSE(result.uppers.at(9).steer_egress);
}

TEST(Plan, HoldsFilteredUppersOnly) {
  const auto result =
      plan(snapshot({upper(8, UpperMode::bridge, {}, kSibling), upper(9, UpperMode::bridge, filter(kUsual)),
                     upper(10, UpperMode::bridge, vlan_half_only("42"), kForeign)}));
  EXPECT_EQ(result.uppers.size(), 2U);
  EXPECT_TRUE(result.uppers.contains(9));
  EXPECT_TRUE(result.uppers.contains(10));
}

constexpr auto kBlind =
    "early drop is left off, since this kernel does not let the programs see who else listens; guards are exact "
    "anyway";

struct NothingRow {
  const char* name;
  std::vector<Upper> uppers;
  bool can_stand_down;
  const char* reason;
};

const NothingRow kNothingRows[] = {
    {"NoUppers", {}, true, "no macvlan or macvtap on it"},
    {"PassthruUnfiltered",
     {upper(9, UpperMode::passthru, {})},
     true,
     "macvtap9 (passthru) has no filter set: it gets everything"},
    {"PassthruPromisc",
     {upper(9, UpperMode::passthru, filter({.promisc = true}))},
     true,
     "macvtap9 (passthru) asks for everything in its filter set"},
    {"NoneFiltered",
     {upper(8, UpperMode::bridge, {}), upper(9, UpperMode::vepa, {}, kSibling)},
     true,
     "none of its uppers has a filter set"},
    {"BridgeBlind", {upper(9, UpperMode::bridge, filter(kUsual))}, false, kBlind},
    {"PassthruBlind", {upper(9, UpperMode::passthru, filter(kUsual))}, false, kBlind},
    {"SourceUnfiltered",
     {upper(8, UpperMode::source, {}, kSibling), upper(9, UpperMode::bridge, filter(kUsual))},
     true,
     "macvtap8 (source) takes frames by their source, to whatever address"},
    {"SourceFiltered",
     {upper(9, UpperMode::source, filter(kUsual))},
     true,
     "macvtap9 (source) takes frames by their source, to whatever address"},
    {"TogetherEverything",
     {upper(8, UpperMode::bridge, filter(kUsual)), upper(9, UpperMode::bridge, vlan_half_only("42"), kSibling)},
     true,
     "the filter sets of its uppers together ask for everything"},
};

class DropsNothing : public testing::TestWithParam<NothingRow> {};

TEST_P(DropsNothing, Row) {
  Snapshot input = snapshot(GetParam().uppers);
  input.can_stand_down = GetParam().can_stand_down;
  const EarlyDropPlan early = plan(input).early;
  EXPECT_TRUE(early.drops_nothing());
  EXPECT_EQ(early.wanted, (Rules{.any_vlan = true, .any_address = true}));
  EXPECT_EQ(early.host, HostRules{});
  EXPECT_EQ(early.reason, GetParam().reason);
}
INSTANTIATE_TEST_SUITE_P(Snapshots, DropsNothing, testing::ValuesIn(kNothingRows), test::kRowName);

TEST(Plan, PassthruDropsWhatItsOnlyUpperDoesNotWant) {
  Snapshot input = snapshot({upper(9, UpperMode::passthru, filter(kUsual, vlans("42")))});
  input.unicast = {kForeign};
  const EarlyDropPlan early = plan(input).early;
  EXPECT_EQ(early.wanted, rules_of(input.uppers[0].filter, kOwn));
  EXPECT_EQ(early.host, (HostRules{.groups = false, .addresses = {}, .vlans = vlans("7")}));
  EXPECT_EQ(early.sole, 9U);
  EXPECT_EQ(early.reason, "macvtap9 is the only receiver (passthru): its filter set is the whole of what is wanted");
}

TEST(Plan, AKernelThatKeepsTheFilterSetProgramsItsListsItself) {
  Snapshot input = snapshot({upper(9, UpperMode::passthru, filter(kUsual, vlans("42")))});
  input.uppers[0].kept_by_kernel = true;
  const LowerdevPlan planned = plan(input);
  EXPECT_EQ(planned.uppers.at(9).kernel, KernelLists{});
  EXPECT_EQ(planned.uppers.at(9).guard, guard_rules(input.uppers[0].filter, input.uppers[0].address));
}

TEST(Plan, BesideOthersTheHostAndEveryUpperIsServed) {
  Snapshot input =
      snapshot({upper(8, UpperMode::private_, {}, kSibling), upper(9, UpperMode::bridge, filter(kUsual, vlans("42"))),
                upper(10, UpperMode::vepa, filter({.allmulti = true}, vlans("43")), kForeign)});
  const EarlyDropPlan early = plan(input).early;
  EXPECT_EQ(
      early.wanted,
      (Rules{.broadcast = true, .allmulti = true, .addresses = {kOwn, kForeign, kListed}, .vlans = vlans("42-43")}));
  EXPECT_EQ(early.host, (HostRules{.groups = true, .addresses = {kLowerdev, kSibling}, .vlans = vlans("7")}));
  EXPECT_EQ(early.sole, 0U);
  EXPECT_EQ(early.reason, "2 of 3 uppers have a filter set: what one of them or the host can want is let through");
}

struct HostAddressRow {
  const char* name;
  AddressSet lowerdev_unicast;
  MacAddress filtered_address;
  MacAddress unfiltered_address;
  AddressSet host;
};

const HostAddressRow kHostAddressRows[] = {
    {"ForeignIsHosts", {kForeign}, kOwn, kSibling, {kLowerdev, kSibling, kForeign}},
    {"OwnOfFilteredMayBeAnothersToo", {kOwn, kForeign}, kOwn, kSibling, {kLowerdev, kSibling, kOwn, kForeign}},
    {"OwnOfUnfilteredIs", {kOwn, kSibling}, kOwn, kSibling, {kLowerdev, kSibling, kOwn}},
    {"OwnOfUnfilteredThatIsDown", {}, kOwn, kSibling, {kLowerdev, kSibling}},
    {"ListedOfFilteredStays", {kOwn, kListed}, kOwn, kSibling, {kLowerdev, kSibling, kOwn, kListed}},
    {"LowerdevsOwnStays", {kLowerdev}, kLowerdev, kSibling, {kLowerdev, kSibling}},
    {"SharedWithUnfilteredStays", {kOwn}, kOwn, kOwn, {kLowerdev, kOwn}},
};

class HostAddresses : public testing::TestWithParam<HostAddressRow> {};

TEST_P(HostAddresses, Row) {
  const auto& row = GetParam();
  // Either order: an address is not lost to a filtered upper that comes later.
  for (const bool filtered_first : {true, false}) {
    std::vector<Upper> uppers = {upper(8, UpperMode::bridge, filter(kUsual), row.filtered_address),
                                 upper(9, UpperMode::bridge, {}, row.unfiltered_address)};
    if (!filtered_first) std::swap(uppers[0], uppers[1]);
    Snapshot input = snapshot(std::move(uppers));
    input.unicast = row.lowerdev_unicast;
    EXPECT_EQ(plan(input).early.host.addresses, row.host);
  }
}
INSTANTIATE_TEST_SUITE_P(Snapshots, HostAddresses, testing::ValuesIn(kHostAddressRows), test::kRowName);

TEST(Plan, EarlyDropIsSoundForEveryPassthruFilter) {
  std::size_t dropped = 0;
  for (const auto& set : all_filters()) {
    const EarlyDropPlan early = plan(snapshot({upper(9, UpperMode::passthru, set)})).early;
    for (const auto& frame : all_frames()) {
      if (judge(set, kOwn, frame) == Verdict::accept) {
        ASSERT_TRUE(passes(early, frame));
      }
      if (frame.vlan() == 7) {
        ASSERT_TRUE(passes(early, frame));
      }
      dropped += passes(early, frame) ? 0 : 1;
    }
  }
  EXPECT_GT(dropped, 0U);
}

TEST(Plan, EarlyDropIsSoundForEveryPairOfFilters) {
  std::size_t dropped = 0;
  for (const auto& a : all_filters())
    for (const auto& b : all_filters()) {
      if (a.unfiltered() || b.unfiltered()) continue;
      Snapshot input = snapshot({upper(8, UpperMode::bridge, a, kOwn), upper(9, UpperMode::private_, b, kSibling)});
      input.unicast = {kOwn, kSibling, kForeign};
      const EarlyDropPlan early = plan(input).early;
      for (const auto& frame : all_frames()) {
        const bool wanted = judge(a, kOwn, frame) == Verdict::accept || judge(b, kSibling, frame) == Verdict::accept;
        const bool hosts = frame.vlan() == 7 || frame.destination.is_group() || frame.destination == kLowerdev ||
                           frame.destination == kForeign;
        if (wanted || hosts) {
          ASSERT_TRUE(passes(early, frame));
        }
        dropped += passes(early, frame) ? 0 : 1;
      }
    }
  EXPECT_GT(dropped, 0U);
}

TEST(Plan, EqualBehaviourComparesEqual) {
  const FilterSet promisc = filter({.promisc = true}, vlans("42"));
  const FilterSet more = filter({true, true, true, true}, vlans("42"));
  EXPECT_EQ(plan(snapshot({upper(9, UpperMode::passthru, promisc)})).early,
            plan(snapshot({upper(9, UpperMode::passthru, more)})).early);
}

}  // namespace
}  // namespace rxf
