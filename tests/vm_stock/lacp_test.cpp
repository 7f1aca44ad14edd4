// SPDX-License-Identifier: GPL-2.0-only
// A filtered macvtap on a bond that speaks LACP with a switch: the bond keeps its partner.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/command.h"
#include "tests/support/loader_command.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"

namespace rxf::test {
namespace {

using nlohmann::json;

constexpr auto kWatched = std::chrono::minutes(2);  // the long timeout of LACP is 90 s, the short one 3 s
constexpr auto kPatience = std::chrono::seconds(20);
constexpr const char* kSwitchAddress = "02:5e:00:00:00:01";

// What the bond knows about the other side.
struct Aggregation {
  std::string partner;
  int ports = 0;
  std::vector<int> aggregators;  // of each port
  bool distributing = false;     // all of them

  bool operator==(const Aggregation&) const = default;
};

void PrintTo(const Aggregation& aggregation, std::ostream* out) {
  *out << "partner " << aggregation.partner << ", " << aggregation.ports << " ports, aggregators";
  for (const int id : aggregation.aggregators) *out << " " << id;
  *out << (aggregation.distributing ? ", distributing" : ", not distributing");
}

Aggregation aggregation_of(const std::string& bond) {
  constexpr int kDistributing = 1 << 5;  // IEEE 802.1AX, 6.4.2.3
  Aggregation aggregation{.distributing = true};
  const json links = json::parse(must_run("ip -d -j link show"));
  for (const json& link : links) {
    const json& info = link.value("linkinfo", json::object());
    if (link.at("ifname") == bond) {
      const json& lacp = info.at("info_data").value("ad_info", json::object());
      aggregation.partner = lacp.value("partner_mac", "");
      aggregation.ports = lacp.value("num_ports", 0);
    }
    if (link.value("master", "") != bond) continue;
    const json& port = info.at("info_slave_data");
    aggregation.aggregators.push_back(port.at("ad_aggregator_id"));
    aggregation.distributing =
        aggregation.distributing && (port.at("ad_actor_oper_port_state").get<int>() & kDistributing) != 0;
  }
  return aggregation;
}

bool whole(const Aggregation& aggregation) {
  return aggregation.partner == kSwitchAddress && aggregation.ports == 2 && aggregation.aggregators.size() == 2 &&
         aggregation.aggregators[0] == aggregation.aggregators[1] && aggregation.distributing;
}

// lower: a bond of port0 and port1, which are wired to those of `switch`, a bond in a namespace of its own.
class LacpTest : public testing::Test {
 protected:
  LacpTest() {
    silence_ipv6();
    const std::string far = netns_path(far_.fd());
    must_run("for i in 0 1; do ip link add port$i type veth peer name port$i netns " + far + " || exit; done");
    bond("lower", kLowerAddress);
    const NamespaceSwitch there(far_.fd());
    bond("switch", kSwitchAddress);
  }

  static void bond(const std::string& name, const std::string& address) {
    must_run("ip link add " + name + " address " + address +
             " type bond mode 802.3ad lacp_rate fast miimon 100 && for i in 0 1; do ip link set port$i down && ip link "
             "set port$i master " +
             name + " && ip link set port$i up || exit; done && ip link set " + name + " up");
  }

  ScratchNamespace far_;
  ScratchNamespace near_;
  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
};

TEST_F(LacpTest, ABondKeepsItsPartner) {
  const auto formed = std::chrono::steady_clock::now() + kPatience;
  while (!whole(aggregation_of("lower")) && std::chrono::steady_clock::now() < formed)
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  add_upper();
  const std::string said = loader_.must("attach lower");
  EXPECT_NE(said.find("early drop: tc"), std::string::npos) << said;
  loader_.must(kSetUpper);
  const Aggregation at_start = aggregation_of("lower");
  ASSERT_TRUE(whole(at_start)) << testing::PrintToString(at_start);

  TapReader tap("upper");
  const NamespaceSwitch there(far_.fd());
  FrameSender sender(ifindex_of("switch"));
  const NamespaceSwitch here(near_.fd());
  const auto end = std::chrono::steady_clock::now() + kWatched;
  while (std::chrono::steady_clock::now() < end) {
    ASSERT_EQ(arrivals(sender, tap, upper_probes()), wanted_arrivals());
    ASSERT_EQ(aggregation_of("lower"), at_start);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

}  // namespace
}  // namespace rxf::test
