// SPDX-License-Identifier: GPL-2.0-only
// All multicast for an upper: nothing of it outlives the upper, whether it is up does not matter, and a count that
// somebody else left on the lower device is told of.
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_packet.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "loader/datapath/rule_maps.h"
#include "loader/netlink/links.h"
#include "tests/support/command.h"
#include "tests/support/host_state.h"
#include "tests/support/must.h"
#include "tests/support/packet_listener.h"
#include "tests/support/passthru_fixture.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {
namespace {

constexpr MacAddress kGroup = {{0x01, 0x00, 0x5e, 1, 2, 3}};
constexpr int kFrames = 5;
constexpr int kQuietMs = 100;
constexpr const char* kAll = "set upper --multicast all";
constexpr const char* kNone = "set upper --unicast none --multicast none";

netlink::Link link(const std::string& name) {
  auto socket = must(netlink::Socket::open());
  return must(netlink::link_by_name(socket, name));
}
std::uint32_t count() { return link("lower").allmulti.value_or(0); }
bool has_flag(const std::string& name, std::uint32_t flag) { return (link(name).flags & flag) != 0; }

void make_upper(const std::string& mode) {
  must_run("ip link add link lower name upper type macvtap mode " + mode + " && ip link set upper up");
}

class AllmultiTest : public PassthruFixture {
 protected:
  void make(Uppers uppers) {
    topology_.reset();
    topology_.emplace(uppers);
  }
  std::vector<std::string> problems() {
    return nlohmann::json::parse(loader_->must("status lower -j"))["problems"].get<std::vector<std::string>>();
  }
  // Of the early drop.
  std::uint64_t multicast_dropped() {
    return nlohmann::json::parse(
        loader_->must("status lower -j"))["counters"]["early"]["dropped"]["multicast"]["packets"];
  }
  static std::size_t arrived(TapReader& tap) {
    tap.drain(0);
    send_frames(kGroup, 0, kFrames);
    return tap.drain(kQuietMs).size();
  }
  // What an earlier version did, and noted.
  void make_it_an_earlier_version() {
    const std::string pins = nlohmann::json::parse(loader_->must("status lower -j"))["pinned"];
    auto maps = must(datapath::RuleMaps::open(pins));
    const auto values = must(maps.filters());
    rxf_filter value = *values.at(link("upper").ifindex);
    value.owned_flags = RXF_OWNED_ALLMULTI;
    must(maps.put_filter(link("upper").ifindex, value));
    must_run("ip link set upper promisc off && ip link set upper allmulticast on");
    ASSERT_EQ(count(), 1U);
  }
};

TEST_F(AllmultiTest, GuestsThatComeAndGoLeaveNoCount) {
  loader_->must("attach lower");
  for (int life = 0; life < 3; ++life) {
    loader_->must(kAll);
    {
      TapReader tap("upper");
      EXPECT_EQ(arrived(tap), kFrames);
    }
    must_run("ip link del upper");
    EXPECT_EQ(count(), 0U) << life;
    make_upper("passthru");
  }
  loader_->must(kNone);
  const std::uint64_t before = multicast_dropped();
  send_frames(kGroup, 0, kFrames);
  EXPECT_EQ(multicast_dropped(), before + kFrames) << "the early drop still works";
  loader_->must("detach lower");
  EXPECT_EQ(count(), 0U);
}

class AllmultiModeTest : public AllmultiTest, public testing::WithParamInterface<Uppers> {};

TEST_P(AllmultiModeTest, AnUpperThatIsDownIsNoOtherCase) {
  make(GetParam());
  must_run("ip link set upper down");
  const std::string before = host_state(bpffs_->path());
  loader_->must("attach lower");
  const CommandResult set = loader_->run(kAll);
  EXPECT_EQ(set.status, 0) << set.err;
  EXPECT_EQ(set.err.find("down"), std::string::npos) << set.err;
  must_run("ip link set upper up");
  {
    TapReader tap("upper");
    EXPECT_EQ(arrived(tap), kFrames);
  }
  EXPECT_EQ(problems(), std::vector<std::string>{});
  must_run("ip link set upper down");
  const CommandResult detached = loader_->run("detach lower");
  EXPECT_EQ(detached.status, 0) << detached.err;
  EXPECT_EQ(detached.err, "");
  EXPECT_EQ(host_state(bpffs_->path()), before);
  must_run("ip link set upper up");
  EXPECT_EQ(count(), 0U);
}

TEST_P(AllmultiModeTest, DeletedInAnyStateItLeavesNothing) {
  make(GetParam());
  for (const char* state : {"up", "down"}) {
    loader_->must("attach lower");
    loader_->must(kAll);
    must_run(std::string("ip link set upper ") + state + " && ip link del upper");
    EXPECT_EQ(count(), 0U) << state;
    loader_->must("attach lower");
    EXPECT_EQ(count(), 0U) << state;
    make_upper(GetParam() == Uppers::passthru ? "passthru" : "bridge");
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, AllmultiModeTest, testing::Values(Uppers::passthru, Uppers::bridge),
                         [](const testing::TestParamInfo<Uppers>& mode) {
                           return mode.param == Uppers::passthru ? "Passthru" : "Bridge";
                         });

TEST_F(AllmultiTest, WhatAnEarlierVersionDidIsConverted) {
  loader_->must("attach lower");
  loader_->must(kAll);
  make_it_an_earlier_version();
  TapReader tap("upper");
  constexpr std::size_t kSent = 400;
  std::jthread sender([] {
    for (std::size_t i = 0; i < kSent; ++i) {
      send_frames(kGroup, 0, 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  loader_->must("attach lower");
  sender.join();
  EXPECT_EQ(tap.drain(kQuietMs).size(), kSent) << "no moment without multicast";
  EXPECT_EQ(count(), 0U);
  EXPECT_FALSE(has_flag("upper", IFF_ALLMULTI));
  EXPECT_TRUE(has_flag("upper", IFF_PROMISC));
}

TEST_F(AllmultiTest, WhatAnEarlierVersionDidIsUndone) {
  loader_->must("attach lower");
  loader_->must(kAll);
  make_it_an_earlier_version();
  loader_->must("detach lower");
  EXPECT_EQ(count(), 0U);
  EXPECT_FALSE(has_flag("upper", IFF_ALLMULTI));
}

TEST_F(AllmultiTest, WhatAnEarlierVersionDidWaitsUntilTheUpperIsUp) {
  loader_->must("attach lower");
  loader_->must(kAll);
  make_it_an_earlier_version();
  must_run("ip link set upper down");
  loader_->must("attach lower");
  EXPECT_EQ(count(), 1U) << "only while it is up does macvlan give it back";
  must_run("ip link set upper up");
  loader_->must("attach lower");
  EXPECT_EQ(count(), 0U);

  make_it_an_earlier_version();
  must_run("ip link set upper down");
  const CommandResult detached = loader_->run("detach lower");
  EXPECT_EQ(detached.status, 0);
  EXPECT_NE(detached.err.find("ip link set upper allmulticast off"), std::string::npos) << detached.err;
  must_run("ip link set upper up && ip link set upper allmulticast off");
  EXPECT_EQ(count(), 0U);
}

// NOPROMISC: the lower device is not promiscuous for it, so it is asked for all multicast itself.
TEST_F(AllmultiTest, ANopromiscUpperHasItAskedForBelow) {
  must_run("ip link del upper");
  make_upper("passthru nopromisc");
  const std::string before = host_state(bpffs_->path());
  loader_->must("attach lower");
  loader_->must(kAll);
  EXPECT_EQ(count(), 1U);
  loader_->must("clear upper");
  EXPECT_EQ(count(), 0U);
  loader_->must(kAll);
  loader_->must("detach lower");
  EXPECT_EQ(host_state(bpffs_->path()), before);

  loader_->must("attach lower");
  loader_->must(kAll);
  must_run("ip link del upper");
  make_upper("passthru nopromisc");
  loader_->must(kAll);
  EXPECT_EQ(count(), 1U) << "that of the one before passed to this one";
  must_run("ip link del upper");
  loader_->must("attach lower");
  EXPECT_EQ(count(), 0U);
}

TEST_F(AllmultiTest, ACountThatNobodyHoldsIsToldOfAndCanBeMended) {
  for (int life = 0; life < 2; ++life) {
    must_run("ip link set upper allmulticast on && ip link del upper");
    make_upper("passthru");
  }
  ASSERT_EQ(count(), 2U);
  loader_->must("attach lower");
  loader_->must(kNone);
  for (std::uint32_t left = 2; left > 0; --left) {
    const auto told = problems();
    ASSERT_EQ(told.size(), 1U) << left;
    EXPECT_NE(told[0].find("lower's allmulti count is " + std::to_string(left)), std::string::npos) << told[0];
    const std::string commands = told[0].substr(told[0].find("ip link set upper"));
    must_run(commands);
    EXPECT_EQ(count(), left - 1);
  }
  EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(AllmultiTest, HoldersThatCanBeSeenAreNoProblem) {
  loader_->must("attach lower");
  loader_->must(kNone);
  const auto expect_explained = [&](const std::string& what) {
    EXPECT_EQ(count(), 1U) << what;
    EXPECT_EQ(problems(), std::vector<std::string>{}) << what;
  };
  must_run("ip link set lower allmulticast on");
  expect_explained("the device's own flag");
  must_run("ip link set lower allmulticast off && ip link set upper allmulticast on");
  expect_explained("the upper's flag");
  must_run("ip link set upper down");
  expect_explained("the upper's flag, and it is down");
  must_run("ip link set upper up && ip link set upper allmulticast off");
  for (const char* device : {"lower", "upper"}) {
    PacketListener listener(ifindex_of(device));
    listener.ask_for(PACKET_MR_ALLMULTI);
    expect_explained(std::string("a packet socket on ") + device);
  }
  EXPECT_EQ(count(), 0U);
}

}  // namespace
}  // namespace rxf::test
