// SPDX-License-Identifier: GPL-2.0-only
// Filters and programs of others in front of ours: what is not let go on to ours is not judged, and both `status` and
// `explain` say whose doing that may be.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>

#include "tests/support/command.h"
#include "tests/support/foreign_programs.h"
#include "tests/support/loader_fixture.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {
namespace {

constexpr MacAddress kFurther = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr const char* kSet = "set upper --unicast 02:bb:00:00:00:01 --multicast none --vlan 42";
constexpr int kFrames = 3;
constexpr int kQuietMs = 50;
using Hook = ForeignOk::Hook;

class InFrontTest : public LoaderFixture {
 protected:
  void SetUp() override {
    LoaderFixture::SetUp();
    if (IsSkipped()) return;
    topology_.emplace(Uppers::bridge);
    loader_->must("attach lower --mode tc");
    loader_->must(kSet);
    EXPECT_EQ(problems(), "");
  }

  std::string must(const std::string& arguments) { return loader_->must(arguments); }

  // The lines with "!".
  std::string problems() {
    const std::string status = must("status lower");
    const auto first = status.find("  ! ");
    return first == std::string::npos ? "" : status.substr(first);
  }

  std::string explained(const std::string& vlan, const std::string& more = "") {
    return must("explain upper --dst 02:aa:00:00:00:01 --vlan " + vlan + more);
  }

  static std::size_t arrivals(const MacAddress& destination, std::uint16_t vid) {
    TapReader tap("upper");
    send_frames(destination, vid, kFrames);
    std::size_t marked = 0;
    for (const auto& frame : tap.drain(kQuietMs))
      if (const auto packet = parse_packet(frame); packet && packet->ether_type == kEtherTypeExperimental) ++marked;
    return marked;
  }

  static void expect_all(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << "\nin: " << text;
  }
};

TEST_F(InFrontTest, AFilterBeforeAGuard) {
  ASSERT_EQ(arrivals(Topology::kUpperAddress, 43), 0U);
  auto foreign = std::make_unique<ForeignOk>(ifindex_of("upper"), Hook::ingress, 1);
  EXPECT_EQ(arrivals(Topology::kUpperAddress, 43), kFrames) << "it is in front";
  const std::string who = "tc filter pref 1 (bpf, foreign_ok, program id " + std::to_string(foreign->id()) + ")";
  expect_all(problems(), {"upper: " + who + " stands in front of upper's guard",
                          "frames that upper's filter set rejects may arrive", "give it a pref above 100",
                          "tc filter del dev upper ingress pref 1"});
  expect_all(explained("43"), {"drop: vlan", "unless it ends before, in " + who + ", which stands in front"});
  expect_all(explained("42"), {"guard of upper: passes", who});
  expect_all(explained("43", " -j"),
             {"\"in_front\":[{\"kind\":\"tc\",\"pref\":1,\"classifier\":\"bpf\",\"program\":\"foreign_ok\",\"id\":" +
              std::to_string(foreign->id()) + "}]"});
  foreign.reset();
  EXPECT_EQ(problems(), "");
  EXPECT_EQ(explained("43").find("in front"), std::string::npos);
  EXPECT_EQ(arrivals(Topology::kUpperAddress, 43), 0U);
}

TEST_F(InFrontTest, FiltersBeforeWhatIsOnTheLowerDevice) {
  ASSERT_EQ(arrivals(kFurther, 42), kFrames);
  const ForeignOk ingress(ifindex_of("lower"), Hook::ingress, 7), egress(ifindex_of("lower"), Hook::egress, 8);
  EXPECT_EQ(arrivals(kFurther, 42), 0U) << "it is in front";
  expect_all(problems(), {"lower: tc filter pref 7 (bpf, foreign_ok, program id " + std::to_string(ingress.id()) +
                              ") stands in front of lower's early drop",
                          "in front of lower's steering:", "frames to further addresses of the uppers are lost",
                          "lower: tc filter pref 8 (bpf, foreign_ok, program id " + std::to_string(egress.id()) +
                              ") stands in front of lower's steering at egress",
                          "give it a pref above 200", "tc filter del dev lower egress pref 8"});
  const std::string way = must("explain lower --dst 02:bb:00:00:00:01 --vlan 42");
  expect_all(way, {"steering (tc on lower): to upper", "tc filter pref 7 (bpf, foreign_ok"});
}

TEST_F(InFrontTest, AProgramOnTcx) {
  if (!ForeignOk::has_tcx()) GTEST_SKIP() << "this kernel has no tcx";
  const ForeignOk foreign(ifindex_of("upper"), Hook::ingress), below(ifindex_of("lower"), Hook::ingress),
      egress(ifindex_of("lower"), Hook::egress);
  const auto who = [](const ForeignOk& program) {
    return "tcx program foreign_ok (id " + std::to_string(program.id()) + ") stands in front of ";
  };
  EXPECT_EQ(arrivals(Topology::kUpperAddress, 43), kFrames) << "it is in front";
  expect_all(problems(), {"upper: " + who(foreign) + "upper's guard", "lower: " + who(below) + "lower's early drop",
                          "lower: " + who(egress) + "lower's steering at egress",
                          "have it attached as a tc filter with a pref above"});
  expect_all(explained("43"), {"unless it ends before, in tcx program foreign_ok (id "});
}

// As `virsh domiftune` does it: an ingress qdisc, and a filter that is no BPF program.
TEST_F(InFrontTest, AnIngressQdiscWithAFilterThatLimitsTheRate) {
  must("detach lower");
  must_run(
      "tc qdisc add dev upper ingress && tc filter add dev upper parent ffff: protocol all pref 1 u32 match u32 0 0 "
      "classid :1");
  must("attach lower --mode tc");
  must(kSet);
  EXPECT_EQ(arrivals(Topology::kUpperAddress, 43), kFrames) << "it is in front";
  expect_all(problems(), {"upper: tc filter pref 1 (u32) stands in front of upper's guard"});
  expect_all(explained("43", " -j"),
             {"\"kind\":\"tc\",\"pref\":1,\"classifier\":\"u32\",\"program\":null,\"id\":null"});
  must("detach lower");
  EXPECT_NE(must_run("tc filter show dev upper parent ffff:").find("u32"), std::string::npos);
}

TEST_F(InFrontTest, WhatComesAfterOursIsNoMatter) {
  const ForeignOk upper(ifindex_of("upper"), Hook::ingress, 101), lower(ifindex_of("lower"), Hook::ingress, 201),
      egress(ifindex_of("lower"), Hook::egress, 201);
  EXPECT_EQ(problems(), "");
  EXPECT_EQ(arrivals(Topology::kUpperAddress, 43), 0U);
}

}  // namespace
}  // namespace rxf::test
