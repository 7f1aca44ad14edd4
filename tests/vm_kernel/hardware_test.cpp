// SPDX-License-Identifier: GPL-2.0-only
// What a NIC lets in and what comes to a PASSTHRU upper, by real frames from the other end of the wire. An e1000 says
// about itself nothing else; a virtio-net is also asked (tables_test.cpp).
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/command.h"
#include "tests/support/topology.h"
#include "tests/support/vids.h"
#include "tests/vm_kernel/nics.h"
#include "tests/vm_kernel/wire.h"

namespace rxf::test {
namespace {

constexpr MacAddress kListed = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr MacAddress kStranger = {{0x02, 0xcc, 0, 0, 0, 1}};
constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr VlanTag kPriority = {.tci = 3 << 13};

VlanTag vlan(std::uint16_t vid) { return {.tci = vid}; }

// To `own`, the NIC's address, and to others.
std::vector<Probe> probes_to(const MacAddress& own, const MacAddress& group, const MacAddress& strange_group) {
  return {{"own", own, {}, {}},
          {"own, VLAN 5", own, {vlan(5)}, {}},
          {"own, VLAN 7", own, {vlan(7)}, {}},
          {"listed", kListed, {}, {}},
          {"listed, priority tag", kListed, {kPriority}, {}},
          {"listed, VLAN 5", kListed, {vlan(5)}, {}},
          {"listed, VLAN 6", kListed, {vlan(6)}, {}},
          {"listed, VLAN 7", kListed, {vlan(7)}, {}},
          {"group", group, {}, {}},
          {"group, VLAN 5", group, {vlan(5)}, {}},
          {"group, VLAN 7", group, {vlan(7)}, {}},
          {"broadcast", kBroadcast, {}, {}},
          {"broadcast, VLAN 5", kBroadcast, {vlan(5)}, {}},
          {"broadcast, VLAN 7", kBroadcast, {vlan(7)}, {}},
          {"stranger", kStranger, {}, {}},
          {"stranger, VLAN 5", kStranger, {vlan(5)}, {}},
          {"stranger, VLAN 7", kStranger, {vlan(7)}, {}},
          {"strange group", strange_group, {}, {}}};
}

// Of Hardware::with_vlan_5().
const std::vector<std::string> kWanted = {
    "own",   "own, VLAN 5",   "listed",    "listed, priority tag", "listed, VLAN 5",
    "group", "group, VLAN 5", "broadcast", "broadcast, VLAN 5"};

struct Case {
  const char* name;
  Nic nic;
  const char* kind;
};

void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

class Hardware : public testing::TestWithParam<Case> {
 protected:
  Hardware() {
    group_ = unwanted_group(1);
    probe_strange_group(32);
  }

  AddressFilter listed_addresses() const {
    return {.flags = {.broadcast = true, .multicast = true}, .unicast = {kListed}, .multicast = {group_}};
  }
  FilterSet with_vlan_5() const { return {.addresses = listed_addresses(), .vlans = vids({5})}; }

  // macvlan tells groups by a hash of 8 bits, into which goes where the macvlan is in memory: of some, from `first` on,
  // one that no joined or listed one lets in by chance. Throws where all of them come in.
  MacAddress unwanted_group(std::uint8_t first) {
    std::vector<Probe> groups;
    for (std::uint8_t last = first; last < first + 5; ++last) {
      const MacAddress group = {{0x01, 0x00, 0x5e, 1, 2, last}};
      groups.push_back({to_string(group), group, {}, {}});
    }
    const Passed passed = wire_.send(groups);
    for (const Probe& probe : groups)
      if (passed.upper.at(probe.name) == 0) return probe.destination;
    throw std::runtime_error("upper: lets in every group");
  }
  void probe_strange_group(std::uint8_t first) {
    probes_ = probes_to(address_of("lower"), group_, unwanted_group(first));
  }

  Passed passed() { return wire_.send(probes_); }
  Passed wanted() const { return only_these(probes_, kWanted); }

  // A promiscuous NIC lets everything in. What no upper has joined, macvlan keeps from it by itself.
  Passed everything(const std::vector<std::string>& unjoined) const {
    Passed all{.nic = all_arrivals(probes_), .upper = all_arrivals(probes_)};
    for (const std::string& name : unjoined) all.upper.at(name) = 0;
    return all;
  }
  Passed unfiltered() const { return everything({"group", "group, VLAN 5", "group, VLAN 7", "strange group"}); }

  Wired wired_{GetParam().nic};
  PassthruUpper upper_{GetParam().kind};
  Wire wire_;
  MacAddress group_;
  std::vector<Probe> probes_;
};

TEST_P(Hardware, UnfilteredTakesAllUnicastAndVlans) {
  EXPECT_EQ(promiscuity_of("lower"), 1U);
  EXPECT_EQ(passed(), unfiltered());
  EXPECT_EQ(upper_.filter(), FilterSet{});
}

TEST_P(Hardware, NicLetsInWhatTheFilterListsAndNoMore) {
  upper_.set(with_vlan_5());
  EXPECT_EQ(upper_.filter(), with_vlan_5());
  EXPECT_EQ(promiscuity_of("lower"), 0U);
  EXPECT_EQ(passed(), wanted());
}

// Out of promiscuous mode the NIC's VLAN filter would lose every tagged frame.
TEST_P(Hardware, AddressesAloneLeaveItPromiscuous) {
  upper_.set({.addresses = listed_addresses(), .vlans = std::nullopt});
  probe_strange_group(64);
  EXPECT_EQ(promiscuity_of("lower"), 1U);
  EXPECT_EQ(passed(), everything({"strange group"}));
}

TEST_P(Hardware, VlansAloneLeaveItPromiscuous) {
  upper_.set({.addresses = std::nullopt, .vlans = vids({5})});
  EXPECT_EQ(promiscuity_of("lower"), 1U);
  EXPECT_EQ(passed(), unfiltered());
}

TEST_P(Hardware, ClearedItTakesAllAgain) {
  upper_.set(with_vlan_5());
  upper_.set(FilterSet{});
  EXPECT_EQ(upper_.filter(), FilterSet{});
  EXPECT_EQ(promiscuity_of("lower"), 1U);
  EXPECT_EQ(passed(), unfiltered());
}

TEST_P(Hardware, LinksDownAndUpKeepTheFilter) {
  upper_.set(with_vlan_5());
  must_run("ip link set upper down && ip link set upper up");
  wait_until_up("upper");
  EXPECT_EQ(upper_.filter(), with_vlan_5());
  EXPECT_EQ(promiscuity_of("lower"), 0U);
  EXPECT_EQ(passed(), wanted());

  must_run("ip link set lower down && ip link set lower up");
  wait_until_up("lower");
  wait_until_up("upper");
  EXPECT_EQ(promiscuity_of("lower"), 0U);
  EXPECT_EQ(passed(), wanted());
}

TEST_P(Hardware, SetWhileDownItCountsFromUpOn) {
  must_run("ip link set upper down");
  upper_.set(with_vlan_5());
  EXPECT_EQ(promiscuity_of("lower"), 0U);
  must_run("ip link set upper up");
  wait_until_up("upper");
  EXPECT_EQ(promiscuity_of("lower"), 0U);
  EXPECT_EQ(passed(), wanted());
}

TEST_P(Hardware, VlansAreReplaced) {
  upper_.set(with_vlan_5());
  upper_.set({.addresses = std::nullopt, .vlans = FilterChange::Vlans{vids({6})}});
  EXPECT_EQ(upper_.filter(), (FilterSet{.addresses = listed_addresses(), .vlans = vids({6})}));
  EXPECT_EQ(passed(),
            only_these(probes_, {"own", "listed", "listed, priority tag", "listed, VLAN 6", "group", "broadcast"}));
}

TEST_P(Hardware, VlanDeviceOnTheUpperHasItsOwnVlanBesideTheFilter) {
  upper_.set(with_vlan_5());
  std::vector<std::string> with_7 = kWanted;
  for (const char* name : {"own, VLAN 7", "listed, VLAN 7", "group, VLAN 7", "broadcast, VLAN 7"})
    with_7.push_back(name);
  for (const char* vid : {"7", "5"}) {
    must_run(std::string("ip link add link upper name vlan type vlan id ") + vid + " && ip link set vlan up");
    wait_until_up("vlan");
    EXPECT_EQ(passed(), vid == std::string("7") ? only_these(probes_, with_7) : wanted()) << vid;
    must_run("ip link del vlan");
    // The filter's own VLAN is still held.
    EXPECT_EQ(passed(), wanted()) << vid;
  }
}

// More than an e1000's 15 exact addresses and than a virtio-net's 64: the NIC then takes all unicast without the kernel
// knowing.
TEST_P(Hardware, MoreAddressesThanItsTableHoldsAllArrive) {
  constexpr std::uint8_t kMany = 70;
  FilterSet filter = with_vlan_5();
  probes_.clear();
  for (std::uint8_t i = 0; i < kMany; ++i) {
    const MacAddress address = {{0x02, 0xdd, 0, 0, 0, i}};
    filter.addresses->unicast.insert(address);
    probes_.push_back({"listed " + std::to_string(i), address, {}, {}});
  }
  upper_.set(filter);
  EXPECT_EQ(promiscuity_of("lower"), 0U);
  EXPECT_EQ(passed(), everything({}));
}

INSTANTIATE_TEST_SUITE_P(Nics, Hardware,
                         testing::Values(Case{"E1000Macvtap", kE1000, "macvtap"},
                                         Case{"VirtioMacvlan", kVirtio, "macvlan"}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace rxf::test
