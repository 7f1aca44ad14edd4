// SPDX-License-Identifier: GPL-2.0-only
// A bridge over a VLAN device, with somebody else's guest behind it: the lower device is promiscuous for its sake, and
// what the guest is sent is for addresses that no list has.
#include <gtest/gtest.h>

#include "tests/support/command.h"
#include "tests/support/loader_command.h"
#include "tests/support/packet_listener.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"

namespace rxf::test {
namespace {

constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr MacAddress kGroup = {{0x01, 0x00, 0x5e, 9, 9, 9}};
constexpr MacAddress kGuest = {{0x02, 0xcc, 0, 0, 0, 7}};

struct Case {
  const char* name;
  const char* mode;
  bool made_before_attach;
};

constexpr Case kCases[] = {{"TcBefore", "tc", true},
                           {"TcAfter", "tc", false},
                           {"NativeBefore", "native", true},
                           {"NativeAfter", "native", false}};

void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

class BridgeTest : public testing::TestWithParam<Case> {
 protected:
  BridgeTest() {
    // On the wire's end, whose namespace has the guest's too: both ends of all traffic are in sight.
    must_run("ip link add link far name far.77 type vlan id 77 && ip link set far.77 up");
  }

  static void add_bridge() {
    must_run(
        "ip link add link lower name lower.77 type vlan id 77 &&"
        "ip link add br0 type bridge mcast_snooping 0 && ip link add port type veth peer name guest &&"
        "ip link set lower.77 master br0 && ip link set port master br0 &&"
        "for i in lower.77 br0 port guest; do ip link set $i up || exit; done");
    wait_until_up({"lower.77", "br0", "port", "guest"});
  }

  Topology topology_{Uppers::passthru};
  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
};

TEST_P(BridgeTest, LosesNothing) {
  if (GetParam().made_before_attach) add_bridge();
  loader_.must(std::string("attach lower --mode ") + GetParam().mode);
  loader_.must(kSetUpper);
  if (!GetParam().made_before_attach) add_bridge();

  const std::vector<Probe> probes = {{.name = "the guest", .destination = kGuest},
                                     {.name = "unknown unicast", .destination = kStranger},
                                     {.name = "multicast", .destination = kGroup},
                                     {.name = "broadcast", .destination = kBroadcast}};
  const Arrivals all = all_arrivals(probes);
  FrameSender wire(ifindex_of("far.77"));
  FrameSender guest(ifindex_of("guest"));
  PacketListener at_wire(ifindex_of("far.77"));
  PacketListener at_guest(ifindex_of("guest"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(arrivals(wire, at_guest, probes), all) << "to the guest";
    EXPECT_EQ(arrivals(guest, at_wire, probes), all) << "from the guest";
  }

  FrameSender sender(ifindex_of("far"));
  TapReader tap("upper");
  EXPECT_EQ(arrivals(sender, tap, upper_probes()), wanted_arrivals());
}

INSTANTIATE_TEST_SUITE_P(Cases, BridgeTest, testing::ValuesIn(kCases),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace rxf::test
