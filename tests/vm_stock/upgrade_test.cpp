// SPDX-License-Identifier: GPL-2.0-only
// `attach` on what is attached, through libxdp's dispatcher, while frames flow: none that is wanted is lost, none that
// is not is seen.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/rule_maps.h"
#include "loader/datapath/xdp_program.h"
#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/dispatched_xdp.h"
#include "tests/support/loader_command.h"
#include "tests/support/must.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/steady_traffic.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"

namespace rxf::test {
namespace {

class UpgradeTest : public testing::Test {
 protected:
  UpgradeTest() {
    // With GRO a veth keeps its ring, and the frames in it, when native XDP comes and goes.
    must_run("ip link set upper txqueuelen 16384 && ethtool -K lower gro on");
  }

  std::string attach(const std::string& mode) { return loader_.must("attach lower --mode " + mode); }

  void expect_dispatcher(bool expected) {
    const std::string status = loader_.must("status lower -j");
    EXPECT_EQ(status.contains(R"("dispatcher":true)"), expected) << status;
  }

  // Runs the steps while frames flow.
  void expect_no_gap(const std::vector<std::function<void()>>& steps) {
    Ear upper{TapReader("upper")};
    SteadyTraffic traffic(FrameSender(ifindex_of("far")), {Topology::kUpperAddress, kListed, kStranger});
    for (const auto& step : steps) {
      traffic.run_on();
      step();
      (void)upper.heard();  // so that its queue is never full
    }
    traffic.run_on();
    traffic.stop();
    const std::uint64_t end = traffic.now();
    for (const MacAddress& wanted : {Topology::kUpperAddress, kListed}) {
      const Numbers lost = upper.missing(traffic.numbers(wanted, 0, end));
      EXPECT_TRUE(lost.empty()) << "to " << to_string(wanted) << ", lost of " << end << ": " << to_string(lost);
    }
    Numbers leaked;
    std::ranges::set_intersection(upper.heard(), traffic.numbers(kStranger, 0, end),
                                  std::inserter(leaked, leaked.end()));
    EXPECT_TRUE(leaked.empty()) << "leaked of " << end << ": " << to_string(leaked);
  }

  // As if a version had attached it that configures the program otherwise.
  void replace_by_another_version() {
    const std::uint32_t lower = ifindex_of("lower");
    const std::string pins = must(mirror::status({.bpffs = bpffs_.path()}, "lower")).pin_directory;
    auto maps = must(datapath::RuleMaps::open(pins));
    auto meta = must(maps.meta());
    const auto object = must(datapath::open_object(datapath::embedded_object(), datapath::kEarlyXdpProgram,
                                                   {.judge_frame_vlan = 1, .sight = datapath::device_sight()}, pins));
    meta.xdp_prog_id = must(datapath::replace_xdp(lower, object, meta.xdp_prog_id));
    must(maps.put_meta(meta));
  }

  Topology topology_{Uppers::passthru};
  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
};

TEST_F(UpgradeTest, AttachingInAnotherWay) {
  attach("tc");
  loader_.must(kSetUpper);
  std::vector<std::function<void()>> steps;
  for (const char* mode : {"native", "generic", "tc", "native"})
    steps.emplace_back([this, mode] {
      attach(mode);
      expect_dispatcher(std::string(mode) != "tc");
    });
  expect_no_gap(steps);
}

TEST_F(UpgradeTest, AnotherVersionIsReplacedInTheDispatcher) {
  attach("native");
  loader_.must(kSetUpper);
  expect_no_gap({[this] { replace_by_another_version(); },
                 [this] {
                   EXPECT_FALSE(attach("native").contains("already attached"));
                   EXPECT_EQ(must(datapath::query_xdp(ifindex_of("lower"))).programs.size(), 1U);
                   EXPECT_TRUE(attach("native").contains("already attached"));
                   expect_dispatcher(true);
                 }});
}

TEST_F(UpgradeTest, AnotherVersionIsReplacedBesideOthers) {
  attach("native");
  loader_.must(kSetUpper);
  std::unique_ptr<DispatchedXdp> theirs;
  expect_no_gap({[&] { theirs = std::make_unique<DispatchedXdp>(ifindex_of("lower"), 5); },
                 [&] {
                   replace_by_another_version();
                   EXPECT_FALSE(attach("native").contains("already attached"));
                   EXPECT_EQ(must(datapath::query_xdp(ifindex_of("lower"))).programs.size(), 2U);
                 },
                 [&] { EXPECT_GT(theirs->frames(), 0U); }, [&] { theirs->detach(); },
                 [&] { EXPECT_TRUE(attach("native").contains("already attached")); }});
}

}  // namespace
}  // namespace rxf::test
