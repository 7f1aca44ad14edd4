// SPDX-License-Identifier: GPL-2.0-only
// A NIC whose driver begins to strip VLAN tags, and ends, after the early drop was attached to XDP.
#include <gtest/gtest.h>

#include <optional>

#include "tests/support/command.h"
#include "tests/support/loader_command.h"
#include "tests/support/packet_listener.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"
#include "tests/vm_stock/machine_nics.h"

namespace rxf::test {
namespace {

constexpr MacAddress kStrangeGroup = {{0x01, 0x00, 0x5e, 9, 9, 9}};
constexpr VlanTag kWanted = {.tpid = kTpidCustomer, .tci = kWantedVlan};
constexpr VlanTag kUnwanted = {.tpid = kTpidCustomer, .tci = kUnwantedVlan};

// In generic XDP, where the same program runs as in native XDP, which the driver refuses on the emulated card.
class StrippingTest : public testing::Test {
 protected:
  StrippingTest() {
    silence_ipv6();
    take_machine_nics(MachineNics::vmxnet3);
    add_upper();
    must_run("ip link add link lower name host77 type vlan id 77 && ip link set host77 up");
    wait_until_up({"host77"});
    must_run("ethtool -K lower rxvlan off");
    sender_.emplace(ifindex_of("far"));
  }

  // What follows from a tag that is hidden: with the outer one stripped, the inner one is seen.
  void expect_nothing_lost(const char* when) {
    const std::vector<Probe> nested = {
        {"listed, a wanted VLAN in front of another", kListed, {kWanted, kUnwanted}, {}}};
    TapReader tap("upper");
    EXPECT_EQ(arrivals(*sender_, tap, nested), all_arrivals(nested)) << when;
    EXPECT_EQ(arrivals(*sender_, tap, upper_probes()), wanted_arrivals()) << when;
    const std::vector<Probe> hosts = {{"a group on a VLAN device's VLAN", kStrangeGroup, {{kTpidCustomer, 77}}, {}}};
    PacketListener host(ifindex_of("host77"));
    EXPECT_EQ(arrivals(*sender_, host, hosts), all_arrivals(hosts)) << when;
  }

  ScratchNamespace scratch_;
  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
  std::optional<FrameSender> sender_;
};

TEST_F(StrippingTest, NothingIsLostWhenItBeginsAndEnds) {
  loader_.must("attach lower --mode generic");
  loader_.must(kSetUpper);
  expect_nothing_lost("tags are left in the frame");
  must_run("ethtool -K lower rxvlan on");
  expect_nothing_lost("the driver strips tags");
  must_run("ethtool -K lower rxvlan off");
  expect_nothing_lost("tags are left in the frame again");
}

}  // namespace
}  // namespace rxf::test
