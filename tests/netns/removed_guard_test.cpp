// SPDX-License-Identifier: GPL-2.0-only
// Programs of ours that somebody removes, or puts something else in the place of, while the daemon runs. It looks by
// itself once an hour: what is put back was heard of.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/must.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

constexpr MacAddress kFirst = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr MacAddress kSecond = {{0x02, 0xaa, 0, 0, 0, 2}};
constexpr const char* kGuardLost = "first had lost its guard: attached again";

// low <-- first, filtered, and second, which is not: both in bridge mode, so that first's further addresses are steered
// at both hooks.
class RemovedGuardTest : public DaemonFixture {
 protected:
  void begin(const mirror::AttachOptions& options = {}) {
    make_lower("low");
    make_upper("low", "first", kFirst);
    make_upper("low", "second", kSecond);
    (void)must(mirror::attach(context(), "low", options));
    set("first", filter(1));
    start();
    expect_followed("low", "at the start");
  }

  [[nodiscard]] mirror::Context context() const { return {.bpffs = bpffs_->path()}; }

  [[nodiscard]] std::size_t times_said(const std::string& text) const {
    const std::string log = daemon_->log();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = log.find(text, at)) != std::string::npos; at += text.size()) ++count;
    return count;
  }

  void expect_put_back_after(const std::string& command, const std::vector<std::string>& said) {
    std::vector<std::size_t> before;
    for (const std::string& text : said) before.push_back(times_said(text));
    must_run(command);
    for (std::size_t i = 0; i < said.size(); ++i)
      EXPECT_TRUE(eventually([&] { return times_said(said[i]) == before[i] + 1; })) << command << ": " << said[i];
    expect_followed("low", command);
  }

  // Everything that the daemon was woken up for so far.
  [[nodiscard]] std::string wake_ups() const {
    std::ifstream status("/proc/" + std::to_string(daemon_->pid()) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("voluntary_ctxt_switches")) return line;
    return "";
  }
};

TEST_F(RemovedGuardTest, AGuardIsPutBack) {
  begin();
  const std::string filter = loader("get first -j").out;
  for (const char* command :
       {"tc qdisc del dev first clsact", "tc filter del dev first ingress", "tc filter del dev first ingress pref 100",
        "tc qdisc del dev first clsact && tc qdisc add dev first ingress",
        "tc filter del dev first ingress pref 100 &&"
        "tc filter add dev first ingress pref 100 protocol all u32 match u32 0x12345678 0xffffffff at 40 classid 1:1"})
    expect_put_back_after(command, {kGuardLost});
  EXPECT_EQ(loader("get first -j").out, filter);
}

TEST_F(RemovedGuardTest, WhatIsOnTheLowerDeviceIsPutBack) {
  begin();
  const std::string early = "low had lost its early drop: attached again";
  const std::string steering = "low had lost its steering: attached again";
  const std::string egress = "low had lost its steering of what is sent: attached again";
  expect_put_back_after("tc qdisc del dev low clsact", {early, steering, egress});
  expect_put_back_after("tc filter del dev low ingress pref 100", {early});
  expect_put_back_after("tc filter del dev low ingress pref 200", {steering});
  expect_put_back_after("tc filter del dev low egress", {egress});
}

TEST_F(RemovedGuardTest, AnEarlyDropInXdpIsPutBack) {
  const std::string early = "low had lost its early drop: attached again";
  begin({.mode = mirror::AttachMode::generic});
  expect_put_back_after("ip link set low xdpgeneric off", {early});
  (void)must(mirror::attach(context(), "low", {.mode = mirror::AttachMode::native}));
  expect_put_back_after("ip link set low xdpdrv off", {early});
}

TEST_F(RemovedGuardTest, TheDaemonComesToRest) {
  begin();
  expect_put_back_after("tc qdisc del dev first clsact", {kGuardLost});
  EXPECT_TRUE(eventually([&] {
    const std::string now = wake_ups();
    must_run("sleep 0.5");
    return now == wake_ups();
  })) << "its own filters keep it busy";
}

TEST_F(RemovedGuardTest, AFilterSetIsNotForgottenWhereTheAddressChangedToo) {
  begin();
  const std::string filter = loader("get first -j").out;
  daemon().signal(SIGSTOP);
  must_run("tc qdisc del dev first clsact && ip link set first address 02:aa:00:00:01:01");
  daemon().signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return times_said(kGuardLost) == 1; })) << daemon().log();
  expect_followed("low", "guard removed, address changed");
  EXPECT_EQ(loader("get first -j").out, filter);
  EXPECT_EQ(times_said("was forgotten"), 0U);
}

TEST_F(RemovedGuardTest, ANameThatChangedTooIsNoOtherDevice) {
  begin();
  daemon().signal(SIGSTOP);
  must_run(
      "tc qdisc del dev first clsact && ip link set first address 02:aa:00:00:01:01 && ip link set first name 1st");
  daemon().signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return times_said("1st had lost its guard: attached again") == 1; })) << daemon().log();
  EXPECT_EQ(times_said("was forgotten"), 0U);
}

// It is told of an upper's end, so that one with the same ifindex is another one.
TEST_F(RemovedGuardTest, AnUpperMadeAnewInheritsNothing) {
  begin();
  const std::string index = std::to_string(ifindex_of("first"));
  daemon().signal(SIGSTOP);
  must_run("ip link del first && ip link add link low name first index " + index +
           " address 02:aa:00:00:01:01 type macvlan mode bridge && ip link set first up");
  daemon().signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return times_said("was forgotten: first is another device") == 1; }));
  expect_followed("low", "made anew");
  EXPECT_EQ(times_said(kGuardLost), 0U);
  EXPECT_NE(loader("get first").out.find("unfiltered"), std::string::npos);
}

// More is told at once than the kernel keeps for a listener; what went missing is looked for.
TEST_F(RemovedGuardTest, WhatTheKernelCouldNotTellIsFound) {
  begin();
  daemon().signal(SIGSTOP);
  must_run(
      "tc qdisc add dev second clsact && for i in $(seq 10000); do"
      "  echo filter add dev second ingress pref 7 protocol all u32 match u32 0 0 classid 1:1;"
      "  echo filter del dev second ingress pref 7;"
      "done | tc -batch - && tc qdisc del dev first clsact");
  daemon().signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return times_said(kGuardLost) == 1; })) << daemon().log();
  expect_followed("low", "after a storm");
}

}  // namespace
}  // namespace rxf::test
