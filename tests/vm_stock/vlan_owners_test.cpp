// SPDX-License-Identifier: GPL-2.0-only
// A VLAN device made after the last command has its frames, also to an address that an upper lists as a further one and
// behind priority tags: steering and the early drop leave them alone.
#include <gtest/gtest.h>

#include "tests/support/command.h"
#include "tests/support/loader_command.h"
#include "tests/support/packet_listener.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"
#include "tests/vm_stock/machine_nics.h"

namespace rxf::test {
namespace {

constexpr MacAddress kStrangeGroup = {{0x01, 0x00, 0x5e, 9, 9, 9}};
constexpr VlanTag kSeven = {.tpid = kTpidCustomer, .tci = 7};
constexpr VlanTag kPriority = {.tpid = kTpidCustomer, .tci = 0xe000};
constexpr VlanTag kServicePriority = {.tpid = kTpidService, .tci = 0};

void add_vlan_device(const std::string& vid) {
  must_run("ip link add link lower name host" + vid + " type vlan id " + vid + " && ip link set host" + vid + " up");
  wait_until_up({"host" + vid});
}

class VlanOwnersTest : public testing::Test {
 protected:
  void begin(Uppers uppers, const std::string& set) {
    topology_.emplace(uppers);
    sender_.emplace(ifindex_of("far"));
    loader_.must("attach lower --mode tc");
    loader_.must("set upper " + set);
  }

  std::optional<Topology> topology_;
  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
  std::optional<FrameSender> sender_;
};

TEST_F(VlanOwnersTest, SteeringLeavesTheFramesOfAVlanDevice) {
  begin(Uppers::bridge, "--unicast " + to_string(kListed));
  add_vlan_device("7");
  const std::vector<Probe> theirs = {
      {"on its VLAN", kListed, {kSeven}, {}},
      {"behind a priority tag", kListed, {kPriority, kSeven}, {}},
      {"behind an 802.1ad priority tag", kListed, {kServicePriority, kSeven}, {}},
  };
  PacketListener device(ifindex_of("host7"));
  EXPECT_EQ(arrivals(*sender_, device, theirs), all_arrivals(theirs));
  TapReader tap("upper");
  const std::vector<Probe> untagged = {{.name = "untagged", .destination = kListed}};
  EXPECT_EQ(arrivals(*sender_, tap, untagged), all_arrivals(untagged));
}

TEST_F(VlanOwnersTest, WhatAVlanDeviceSendsGoesToTheWire) {
  begin(Uppers::bridge, "--unicast " + to_string(kListed));
  add_vlan_device("7");
  FrameSender device(ifindex_of("host7"));
  PacketListener wire(ifindex_of("far"), PacketListener::kAnyProtocol);
  const std::vector<Probe> sent = {{.name = "from the VLAN device", .destination = kListed}};
  EXPECT_EQ(arrivals(device, wire, sent), all_arrivals(sent));
}

TEST_F(VlanOwnersTest, ADeviceForVid0HasPriorityTaggedFrames) {
  begin(Uppers::passthru, "--unicast none --vlan none");
  add_vlan_device("0");
  PacketListener device(ifindex_of("host0"));
  const std::vector<Probe> theirs = {{"priority tag", kStranger, {kPriority}, {}}};
  EXPECT_EQ(arrivals(*sender_, device, theirs), all_arrivals(theirs));
}

// macvlan hands the group on to the host, which takes the priority tag off.
TEST_F(VlanOwnersTest, TheEarlyDropLeavesGroupsBehindPriorityTags) {
  begin(Uppers::passthru, "--unicast none --multicast none --vlan none");
  add_vlan_device("7");
  PacketListener device(ifindex_of("host7"));
  const std::vector<Probe> theirs = {{"group", kStrangeGroup, {kPriority, kSeven}, {}}};
  EXPECT_EQ(arrivals(*sender_, device, theirs), all_arrivals(theirs));
}

// A VLAN device on an upper takes priority tags off in the same way: the guard must look behind them.
TEST_F(VlanOwnersTest, NoPriorityTagCarriesAVlanPastTheGuard) {
  topology_.emplace(Uppers::none);
  sender_.emplace(ifindex_of("far"));
  must_run(
      "ip link add link lower name upper type macvlan mode passthru && ip link set upper up && "
      "ip link add link upper name inner type vlan id 7 && ip link set inner up");
  wait_until_up({"upper", "inner"});
  const std::string address = must_run("ip -o link show upper | sed 's/.*ether //; s/ .*//' | tr -d '\\n'");
  const MacAddress own = MacAddress::parse(address).value();
  std::vector<Probe> deep = {{"no priority tag", own, {}, {}},
                             {"one", own, {kPriority}, {}},
                             {"an 802.1ad one", own, {kServicePriority}, {}},
                             {"two", own, {kPriority, kServicePriority}, {}},
                             {"more than are looked at", own, std::vector<VlanTag>(kTagsInReach, kPriority), {}}};
  for (Probe& probe : deep) probe.tags.push_back(kSeven);
  PacketListener inner(ifindex_of("inner"));
  EXPECT_EQ(arrivals(*sender_, inner, deep), all_arrivals(deep)) << "as a Linux receiver takes them";
  loader_.must("attach lower --mode tc");
  loader_.must("set upper --vlan none");
  EXPECT_EQ(arrivals(*sender_, inner, deep), only_arrivals(deep, {}));
  loader_.must("set upper --vlan 7");
  EXPECT_EQ(arrivals(*sender_, inner, deep), only_arrivals(deep, {"no priority tag", "one", "an 802.1ad one", "two"}));
}

// The address is on the list of virtio-net, which has a unicast filter, for the upper's claim and for nobody else.
TEST_F(VlanOwnersTest, AReferenceOfOursOnTheUnicastListIsNobodyElses) {
  const ScratchNamespace scratch;
  silence_ipv6();
  take_machine_nics();
  must_run("ip link add link lower name upper type macvtap mode bridge && ip link set upper up");
  wait_until_up({"upper"});
  sender_.emplace(ifindex_of("far"));
  loader_.must("attach lower --mode tc");
  loader_.must("set upper --unicast " + to_string(kListed));
  TapReader tap("upper");
  const std::vector<Probe> claimed = {{.name = "claimed", .destination = kListed}};
  EXPECT_EQ(arrivals(*sender_, tap, claimed), all_arrivals(claimed));
  must_run("ip link add link lower name host9 address " + to_string(kListed) +
           " type vlan id 9 && ip link set host9 up");
  wait_until_up({"host9"});
  PacketListener host(ifindex_of("lower"));
  EXPECT_EQ(arrivals(*sender_, host, claimed), all_arrivals(claimed)) << "it is the VLAN device's too";
  must_run("ip link del host9");
  EXPECT_EQ(arrivals(*sender_, tap, claimed), all_arrivals(claimed));
}

}  // namespace
}  // namespace rxf::test
