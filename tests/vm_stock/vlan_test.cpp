// SPDX-License-Identifier: GPL-2.0-only
// VLAN devices on the lower device, beside a filtered macvtap: whatever comes on their VLANs is theirs.
#include <gtest/gtest.h>

#include "tests/support/command.h"
#include "tests/support/loader_command.h"
#include "tests/support/metadata_tagger.h"
#include "tests/support/packet_listener.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"

namespace rxf::test {
namespace {

constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr MacAddress kStrangeGroup = {{0x01, 0x00, 0x5e, 9, 9, 9}};
struct Case {
  const char* name;
  const char* mode;
  const char* protocol;
  std::uint16_t tpid;
};

constexpr Case kCases[] = {{"TcCustomer", "tc", "802.1Q", kTpidCustomer},
                           {"TcService", "tc", "802.1ad", kTpidService},
                           {"NativeCustomer", "native", "802.1Q", kTpidCustomer},
                           {"NativeService", "native", "802.1ad", kTpidService}};

void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

// To everybody, on one VLAN; the tag where a wire has it, and where VLAN stripping leaves it.
std::vector<Probe> vlan_probes(const VlanTag& tag) {
  std::vector<Probe> probes;
  for (const auto& [name, destination] : {std::pair{"broadcast", kBroadcast},
                                          {"unlisted unicast", kStranger},
                                          {"unlisted multicast", kStrangeGroup},
                                          {"listed unicast", kListed}}) {
    probes.push_back({name, destination, {tag}, {}});
    probes.push_back({std::string(name) + ", tag in metadata", destination, {}, tag});
  }
  return probes;
}

class VlanDeviceTest : public testing::TestWithParam<Case> {
 protected:
  static std::string add_vlan_device(std::uint16_t vid) {
    const std::string id = std::to_string(vid);
    must_run("ip link add link lower name host" + id + " type vlan protocol " + std::string(GetParam().protocol) +
             " id " + id + " && ip link set host" + id + " up");
    wait_until_up({"host" + id});
    return "host" + id;
  }

  void expect_all(const std::string& device, std::uint16_t vid) {
    const std::vector<Probe> probes = vlan_probes({.tpid = GetParam().tpid, .tci = vid});
    PacketListener host(ifindex_of(device));
    EXPECT_EQ(arrivals(sender_, host, probes), all_arrivals(probes)) << device;
  }

  Topology topology_{Uppers::passthru};
  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
  MetadataTagger tagger_{ifindex_of("far")};
  FrameSender sender_{ifindex_of("far")};
};

TEST_P(VlanDeviceTest, GetsAllOfItsVlan) {
  const std::string before = add_vlan_device(77);
  loader_.must(std::string("attach lower --mode ") + GetParam().mode);
  loader_.must(kSetUpper);
  const std::string after = add_vlan_device(78);
  expect_all(before, 77);
  expect_all(after, 78);
  TapReader tap("upper");
  EXPECT_EQ(arrivals(sender_, tap, upper_probes()), wanted_arrivals());

  // Without it what it got is the macvtap's business, which does not want it.
  must_run("ip link del " + after);
  const Arrivals left = arrivals(sender_, tap, vlan_probes({.tpid = GetParam().tpid, .tci = 78}));
  EXPECT_EQ(left.at("unlisted unicast"), 0U);
  EXPECT_EQ(left.at("unlisted multicast, tag in metadata"), 0U);
}

INSTANTIATE_TEST_SUITE_P(Cases, VlanDeviceTest, testing::ValuesIn(kCases),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace rxf::test
