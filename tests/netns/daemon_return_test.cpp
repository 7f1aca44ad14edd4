// SPDX-License-Identifier: GPL-2.0-only
// Lower devices that go and come back, and what is to be attached whenever it is there.
#include <gtest/gtest.h>

#include <signal.h>

#include <fstream>

#include "loader/mirror/operations.h"
#include "loader/mirror/remains.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

constexpr MacAddress kUpper = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr std::chrono::milliseconds kLongEnough{500};

class DaemonReturnTest : public DaemonFixture {
 protected:
  [[nodiscard]] mirror::Context context() const { return {.bpffs = bpffs_->path()}; }

  bool becomes_attached(const std::string& device) {
    return eventually([&] { return is_attached(device); });
  }
  bool stays_unattached(const std::string& device) {
    return !eventually([&] { return is_attached(device); }, kLongEnough);
  }
  void expect_works(const std::string& lower, const std::string& upper) {
    make_upper(lower, upper, kUpper);
    const auto set = loader("set " + upper + " --unicast 02:bb:00:00:00:01 --vlan 42");
    EXPECT_EQ(set.status, 0) << set.err;
    expect_followed(lower, "a new upper on it");
    must_run("ip link set " + upper + " address 02:aa:00:00:00:07");
    expect_followed(lower, "another address");
  }
};

TEST_F(DaemonReturnTest, ADeviceThatReturnsIsAttachedAgainAsItWas) {
  make_lower("low");
  (void)must(mirror::attach(context(), "low", {.mode = mirror::AttachMode::tc}));
  start();
  must_run("ip link del low");
  make_lower("low");
  ASSERT_TRUE(becomes_attached("low")) << daemon().log();
  EXPECT_TRUE(eventually([&] { return must(mirror::attached(context())).front().mode == mirror::AttachMode::tc; }));
  EXPECT_EQ(must(mirror::status(context(), "low")).early, mirror::EarlyHook::tc);
  expect_works("low", "upper");
}

TEST_F(DaemonReturnTest, NotUnderAnotherName) {
  make_lower("low");
  (void)must(mirror::attach(context(), "low", {}));
  start();
  must_run("ip link del low");
  make_lower("other");
  EXPECT_TRUE(stays_unattached("other"));
  must_run("ip link set other down && ip link set other name low && ip link set low up");
  EXPECT_TRUE(becomes_attached("low")) << daemon().log();
}

TEST_F(DaemonReturnTest, NotWhenItWasDetached) {
  make_lower("low");
  (void)must(mirror::attach(context(), "low", {}));
  start();
  ASSERT_EQ(loader("detach low").status, 0);
  must_run("ip link del low");
  make_lower("low");
  EXPECT_TRUE(stays_unattached("low"));
}

TEST_F(DaemonReturnTest, NotWhenItWasDetachedWhileItWasAway) {
  make_lower("low");
  (void)must(mirror::attach(context(), "low", {}));
  start();
  must_run("ip link del low");
  const auto detached = loader("detach low");
  EXPECT_EQ(detached.status, 0) << detached.err;
  make_lower("low");
  EXPECT_TRUE(stays_unattached("low"));
}

TEST_F(DaemonReturnTest, OneThatWentWhileNobodyLooked) {
  make_lower("low");
  (void)must(mirror::attach(context(), "low", {}));
  must_run("ip link del low");
  start();
  make_lower("low");
  EXPECT_TRUE(becomes_attached("low")) << daemon().log();
  expect_works("low", "upper");
}

TEST_F(DaemonReturnTest, AndOneThatCameBackWhileNobodyLooked) {
  make_lower("low");
  (void)must(mirror::attach(context(), "low", {.mode = mirror::AttachMode::tc}));
  must_run("ip link del low");
  make_lower("low");
  start();
  ASSERT_TRUE(becomes_attached("low")) << daemon().log();
  EXPECT_EQ(must(mirror::status(context(), "low")).early, mirror::EarlyHook::tc);
  expect_works("low", "upper");
}

TEST_F(DaemonReturnTest, OneThatHadAnotherNameWhenItWasAttached) {
  make_lower("low");
  (void)must(mirror::attach(context(), "low", {}));
  start();
  must_run("ip link set low down && ip link set low name renamed && ip link set renamed up");
  expect_followed("renamed", "by another name");
  must_run("ip link del renamed");
  make_lower("renamed");
  EXPECT_TRUE(becomes_attached("renamed")) << daemon().log();
  EXPECT_EQ(daemon().log().find("low: "), std::string::npos) << daemon().log();
}

// Pins of a namespace that is gone, under the name of a device here.
TEST_F(DaemonReturnTest, NotWhatWasAttachedInANamespaceThatIsGone) {
  make_lower("low");
  {
    const ScratchNamespace gone;
    make_lower("low");
    (void)must(mirror::attach(context(), "low", {}));
  }
  const auto is_gone = [&] {
    const auto left = mirror::remains(context());
    return left && left->size() == 1 && !left->front().was_attached;
  };
  ASSERT_TRUE(eventually(is_gone));
  start();
  EXPECT_TRUE(stays_unattached("low")) << daemon().log();
}

TEST_F(DaemonReturnTest, AKeptDeviceIsAttachedWhenItFirstAppears) {
  make_lower("there");
  start({"--attach", "there,low"});
  EXPECT_TRUE(is_attached("there")) << "when it is ready";
  EXPECT_TRUE(stays_unattached("low"));
  make_lower("low");
  EXPECT_TRUE(becomes_attached("low")) << daemon().log();
  expect_works("low", "upper");
}

TEST_F(DaemonReturnTest, ADetachOfAKeptDeviceIsRespectedUntilSighup) {
  make_lower("low");
  start({"--attach", "low"});
  ASSERT_TRUE(is_attached("low"));
  ASSERT_EQ(loader("detach low").status, 0);
  must_run("ip link set low mtu 1400 && ip link set low down && ip link set low up");
  EXPECT_TRUE(stays_unattached("low"));
  daemon().forget_notified();
  daemon().signal(SIGHUP);
  ASSERT_TRUE(daemon().wait_for("READY=1"));
  EXPECT_TRUE(is_attached("low"));
}

TEST_F(DaemonReturnTest, AndUntilItIsMadeAnew) {
  make_lower("low");
  start({"--attach", "low"});
  ASSERT_EQ(loader("detach low").status, 0);
  EXPECT_TRUE(stays_unattached("low"));
  must_run("ip link del low");
  make_lower("low");
  EXPECT_TRUE(becomes_attached("low")) << daemon().log();
}

TEST_F(DaemonReturnTest, WhatCannotBeAttachedIsSaidOnce) {
  start({"--attach", "lo"});
  must_run("ip link set lo mtu 9000 && ip link set lo mtu 8000 && ip link set lo mtu 7000");
  EXPECT_TRUE(stays_unattached("lo"));
  const std::string log = daemon().log();
  const auto first = log.find("lo: ");
  ASSERT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("lo: ", first + 1), std::string::npos) << log;
}

}  // namespace
}  // namespace rxf::test
