// SPDX-License-Identifier: GPL-2.0-only
// What the sequences of tests/golden do not reach (rx_filter_sequence_test.cpp): silence, state by state.
#include "tools/guest/guest_request.h"

#include <gtest/gtest.h>

namespace rxf::guest {
namespace {

constexpr MacAddress kMain{{0x52, 0x54, 0, 0x12, 0x34, 0x56}};
constexpr MacAddress kFurther{{0x02, 0, 0, 0, 0, 0xa1}};
constexpr MacAddress kGroup{{0x33, 0x33, 0, 0, 0, 1}};

// As a NIC is after a reset, its driver bound.
RxFilterState probed() { return {.name = "net0", .promiscuous = true, .vlan = RxMode::none, .main_mac = kMain}; }

RxFilterState power_on() {
  RxFilterState state = probed();
  state.vlan = RxMode::all;
  return state;
}

struct Row {
  const char* name;
  void (*change)(RxFilterState& state);  // of the state after a reset
  bool power_on;                         // silent with these changes, the driver not bound ...
  bool probed;                           // ... and bound: both without a word
  bool spoken;                           // and with one
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Silence : public testing::TestWithParam<Row> {};

TEST_P(Silence, EndsWithWhatNoResetLeaves) {
  RxFilterState bound = probed();
  RxFilterState unbound = power_on();
  GetParam().change(bound);
  GetParam().change(unbound);
  EXPECT_EQ(is_silent(unbound, {}, {}), GetParam().power_on);
  EXPECT_EQ(is_silent(bound, {}, {}), GetParam().probed);
  EXPECT_EQ(is_silent(unbound, {}, {.spoken = true}), GetParam().spoken);
  EXPECT_FALSE(is_silent(bound, {}, {.spoken = true}));
  for (const bool addresses : {false, true}) {
    EXPECT_FALSE(is_silent(unbound, {.addresses = addresses, .vlans = false}, {.spoken = true}));
    EXPECT_EQ(is_silent(unbound, {.addresses = addresses, .vlans = false}, {}), GetParam().power_on);
    EXPECT_EQ(is_silent(bound, {.addresses = addresses}, {}), GetParam().probed);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Silence,
    testing::Values(
        Row{"nothing", [](RxFilterState& /*state*/) {}, true, true, true},
        Row{"another_address", [](RxFilterState& state) { state.main_mac = kFurther; }, true, true, true},
        Row{"not_promiscuous", [](RxFilterState& state) { state.promiscuous = false; }, false, false, false},
        Row{"unicast_all", [](RxFilterState& state) { state.unicast = RxMode::all; }, false, false, false},
        Row{"unicast_none", [](RxFilterState& state) { state.unicast = RxMode::none; }, false, false, false},
        Row{"multicast_all", [](RxFilterState& state) { state.multicast = RxMode::all; }, false, false, false},
        Row{"multicast_none", [](RxFilterState& state) { state.multicast = RxMode::none; }, false, false, false},
        Row{"unicast_overflow", [](RxFilterState& state) { state.unicast_overflow = true; }, false, false, false},
        Row{"multicast_overflow", [](RxFilterState& state) { state.multicast_overflow = true; }, false, false, false},
        Row{"unicast_table", [](RxFilterState& state) { state.unicast_table = {kFurther}; }, false, false, false},
        Row{"multicast_table", [](RxFilterState& state) { state.multicast_table = {kGroup}; }, false, false, false}),
    [](const auto& row) { return row.param.name; });

TEST(GuestHistory, BeginsAnewAtPowerOn) {
  GuestHistory history{.spoken = true, .listed = true};
  history.saw(power_on(), {});
  EXPECT_EQ(history, GuestHistory{});
}

// There a driver that sniffs leaves the same state: only RESET tells.
TEST(GuestHistory, GoesOnWhereVlansAreNeverTold) {
  GuestHistory history{.spoken = true, .listed = true};
  history.saw(power_on(), {.vlans = false});
  EXPECT_EQ(history, (GuestHistory{.spoken = true, .listed = true}));
}

TEST(GuestHistory, RemembersThatATableWasSet) {
  for (const auto change : {+[](RxFilterState& state) { state.unicast_table = {kFurther}; },
                            +[](RxFilterState& state) { state.multicast_table = {kGroup}; },
                            +[](RxFilterState& state) { state.unicast_overflow = true; },
                            +[](RxFilterState& state) { state.multicast_overflow = true; }}) {
    RxFilterState state = probed();
    GuestHistory history;
    history.saw(state, {});
    EXPECT_FALSE(history.listed);
    change(state);
    history.saw(state, {});
    EXPECT_TRUE(history.listed);
    history.saw(probed(), {});
    EXPECT_TRUE(history.listed);
  }
}

// Whatever else such a NIC says, its driver has no way to ask for less.
TEST(GuestRequestAbility, WithoutAddressesIsAllMulticast) {
  RxFilterState state = probed();
  state.unicast_table = {kFurther};
  state.multicast_table = {kGroup};
  const GuestRequest request = request_of(state, {.addresses = false}, {.spoken = true, .listed = true});
  EXPECT_FALSE(request.silent);
  EXPECT_FALSE(request.promisc);
  EXPECT_TRUE(request.any_multicast);
  EXPECT_EQ(request.unicast, AddressSet{kFurther});
  EXPECT_EQ(request.multicast, AddressSet{kGroup});
}

// Whatever the tables of a NIC have: nothing reaches the policy that cannot be programmed.
TEST(GuestRequestTables, AreSound) {
  RxFilterState state{.name = "net0", .vlan = RxMode::normal, .main_mac = kGroup};
  const AddressSet all = {kMain, kFurther, kGroup, MacAddress{}, MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}};
  state.unicast_table = all;
  state.multicast_table = all;
  const GuestRequest request = request_of(state, {}, {.spoken = true});
  EXPECT_EQ(request.main_mac, kGroup);
  EXPECT_EQ(request.unicast, (AddressSet{kMain, kFurther}));
  EXPECT_EQ(request.multicast, AddressSet{kGroup});
}

}  // namespace
}  // namespace rxf::guest
