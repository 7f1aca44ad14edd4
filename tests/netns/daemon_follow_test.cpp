// SPDX-License-Identifier: GPL-2.0-only
// The daemon hears what happens to uppers and lower devices, and the maps follow, without a command.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/enforcement.h"
#include "tests/support/must.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

constexpr MacAddress kFirst = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr MacAddress kSecond = {{0x02, 0xaa, 0, 0, 0, 2}};
constexpr MacAddress kThird = {{0x02, 0xaa, 0, 0, 0, 3}};

// low <-- first and second, filtered, and third, which is not.
class DaemonFollowTest : public DaemonFixture {
 protected:
  void SetUp() override {
    DaemonFixture::SetUp();
    if (IsSkipped()) return;
    make_lower("low");
    make_upper("low", "first", kFirst);
    make_upper("low", "second", kSecond);
    make_upper("low", "third", kThird);
    (void)must(mirror::attach(context(), "low", {}));
    set("first", filter(1));
    set("second", filter(2));
    start();
    expect_followed("low", "at the start");
  }

  [[nodiscard]] mirror::Context context() const { return {.bpffs = bpffs_->path()}; }

  void expect_followed_after(const std::string& command) {
    must_run(command);
    expect_followed("low", command);
  }

  [[nodiscard]] std::string elsewhere() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(elsewhere_->fd());
  }
};

TEST_F(DaemonFollowTest, NewUppers) {
  expect_followed_after("ip link add link low name new address 02:aa:00:00:00:09 type macvlan mode bridge");
  expect_followed_after("ip link set new up");
  expect_followed_after("ip link add link low name tap address 02:aa:00:00:00:0a type macvtap mode private");
}

TEST_F(DaemonFollowTest, Addresses) {
  for (const char* command :
       {"ip link set first address 02:aa:00:00:01:01", "ip link set third address 02:aa:00:00:01:03",
        "ip link set low address 02:ee:00:00:01:00", "ip link set first address 02:aa:00:00:00:01"})
    expect_followed_after(command);
}

TEST_F(DaemonFollowTest, Modes) {
  for (const char* command :
       {"ip link set first type macvlan mode private", "ip link set third type macvlan mode vepa",
        "ip link set first type macvlan mode source", "ip link set first type macvlan mode bridge",
        "ip link set third type macvlan mode bridge"})
    expect_followed_after(command);
}

TEST_F(DaemonFollowTest, DownAndUp) {
  for (const char* command : {"ip link set first down", "ip link set third down", "ip link set low down",
                              "ip link set low up", "ip link set first up", "ip link set third up",
                              "ip link set first promisc on", "ip link set first promisc off"})
    expect_followed_after(command);
}

TEST_F(DaemonFollowTest, FlagsThatAFilterSetHas) {
  FilterSet all = filter(1);
  all.addresses->flags.allmulti = true;
  set("first", all);
  expect_followed_after("ip link set first allmulticast on");
  expect_followed_after("ip link set first allmulticast off");
}

TEST_F(DaemonFollowTest, FlagsOfAnUpperThatIsDown) {
  must_run("ip link set first down");
  FilterSet all = filter(1);
  all.addresses->flags.allmulti = true;
  set("first", all);
  EXPECT_NE(must_run("ip link show first").find("ALLMULTI"), std::string::npos);
  expect_followed_after("ip link set first up");
  EXPECT_EQ(daemon().log().find("is down"), std::string::npos) << daemon().log();
}

TEST_F(DaemonFollowTest, Names) {
  expect_followed_after("ip link set first name other");
  const auto status = must(mirror::status(context(), "low"));
  EXPECT_EQ(status.problems, std::vector<std::string>{});
  const auto named = [](const mirror::UpperStatus& upper) { return upper.name == "other" && upper.guard; };
  EXPECT_TRUE(std::ranges::any_of(status.uppers, named));
}

TEST_F(DaemonFollowTest, DeletedUppers) {
  expect_followed_after("ip link del first");
  expect_followed_after("ip link del third");
  expect_followed_after("ip link del second");
  EXPECT_EQ(loader("status low -j").out.find("first"), std::string::npos);
}

TEST_F(DaemonFollowTest, UppersThatLeaveAndReturn) {
  const auto ifindex = ifindex_of("first");
  expect_followed_after("ip link set first netns " + elsewhere());
  EXPECT_TRUE(eventually([&] {
    return daemon().log().find("first has left the network namespace") != std::string::npos;
  })) << daemon().log();
  {
    const NamespaceSwitch there(elsewhere_->fd());
    must_run("ip link set first netns /proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(home_->fd()));
  }
  expect_followed("low", "when it is back");
  // It is another one as far as anybody can tell, and the filter set of the one before is gone.
  EXPECT_EQ(loader("get first -j").out, loader("get third -j").out) << ifindex;
}

TEST_F(DaemonFollowTest, ALonePassthruUpper) {
  make_lower("low2");
  (void)must(mirror::attach(context(), "low2", {}));
  must_run("ip link add link low2 name sole type macvtap mode passthru && ip link set sole up");
  set("sole", filter(3));
  expect_followed("low2", "a passthru upper");
  must_run("ip link set sole address 02:aa:00:00:00:0b");
  expect_followed("low2", "its address, which is the lower device's too");
  must_run("ip link set sole down");
  expect_followed("low2", "down");
  must_run("ip link set sole type macvtap mode passthru nopromisc");
  expect_followed("low2", "nopromisc");
  must_run("ip link del sole");
  expect_followed("low2", "deleted");
  make_upper("low2", "sharing", kThird);
  expect_followed("low2", "one in bridge mode instead");
}

// Its pins have the name that it had.
TEST_F(DaemonFollowTest, ALowerDeviceThatIsRenamed) {
  must_run("ip link set low down && ip link set low name renamed && ip link set renamed up && ip link set first up");
  expect_followed("renamed", "by another name");
  must_run("ip link set first address 02:aa:00:00:01:01 && ip link del second");
  expect_followed("renamed", "what happens under that name");
  EXPECT_EQ(loader("status renamed").status, 0);
}

TEST_F(DaemonFollowTest, WhatWasAttachedByACommand) {
  make_lower("low3");
  make_upper("low3", "late", kThird);
  ASSERT_EQ(loader("attach low3").status, 0);
  ASSERT_EQ(loader("set late --vlan 7").status, 0);
  expect_followed("low3", "attached");
  must_run("ip link set late address 02:aa:00:00:01:09");
  expect_followed("low3", "followed from then on");
  ASSERT_EQ(loader("detach low3").status, 0);
  must_run("ip link set late address 02:aa:00:00:02:09");
  EXPECT_FALSE(eventually([&] { return is_attached("low3"); }, std::chrono::milliseconds(300)));
}

}  // namespace
}  // namespace rxf::test
