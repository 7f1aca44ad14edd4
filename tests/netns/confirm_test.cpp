// SPDX-License-Identifier: GPL-2.0-only
// What nobody confirms in time is undone, whatever became of the device's name and of the process that was to do it.
#include <gtest/gtest.h>
#include <signal.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

namespace fs = std::filesystem;

constexpr MacAddress kUpper = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr std::chrono::milliseconds kLong = std::chrono::seconds(60);

class ConfirmTest : public DaemonFixture {
 protected:
  void SetUp() override {
    DaemonFixture::SetUp();
    if (IsSkipped()) return;
    make_lower("low");
    make_upper("low", "upper", kUpper, "passthru");
    unattached_ = must_run("tc filter show dev low ingress; tc filter show dev upper ingress; ip link show low");
  }
  void TearDown() override {
    if (bpffs_) kill_watchers();
    DaemonFixture::TearDown();
  }

  [[nodiscard]] mirror::Context context() const { return {.bpffs = bpffs_->path()}; }
  [[nodiscard]] LoaderCommand plain() const { return LoaderCommand(bpffs_->path()); }

  std::vector<pid_t> watchers() {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      pid_t pid = 0;
      if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{}) continue;
      std::ifstream file(entry.path() / "cmdline");
      std::string line;
      std::getline(file, line);
      if (line.contains(bpffs_->path() + '\0') && line.contains("--confirm")) found.push_back(pid);
    }
    return found;
  }
  void kill_watchers() {
    for (const pid_t watcher : watchers()) ::kill(watcher, SIGKILL);
    EXPECT_TRUE(eventually([&] { return watchers().empty(); }));
  }

  bool becomes_unattached() {
    return eventually([&] { return must(mirror::attached_devices(context())).empty(); }, kLong);
  }
  // Nothing of ours is on either device.
  void expect_nothing_on(const std::string& lower) {
    EXPECT_EQ(must_run("tc filter show dev " + lower + " ingress; tc filter show dev upper ingress"), "");
    EXPECT_EQ(must_run("ip link show " + lower).find("xdp"), std::string::npos);
  }
  void attach(const std::string& arguments) {
    plain().must("attach low " + arguments);
    plain().must("set upper --unicast none --multicast none");
  }
  [[nodiscard]] std::string hook_of(const std::string& device) const {
    return nlohmann::json::parse(plain().must("status " + device + " -j"))["early_drop"];
  }

  std::string unattached_;
};

TEST_F(ConfirmTest, ARenamedDeviceIsUndone) {
  attach("--mode generic --confirm 3");
  must_run("ip link set low name renamed");
  EXPECT_TRUE(becomes_unattached()) << plain().run("status").out;
  expect_nothing_on("renamed");
}

TEST_F(ConfirmTest, SoIsOneWhoseNameAnotherHasTaken) {
  attach("--mode tc --confirm 4");
  must_run("ip link set low name renamed && ip link set low-far name renamed-far");
  make_lower("low");
  plain().must("attach low --mode tc");
  EXPECT_TRUE(
      eventually([&] { return must(mirror::attached_devices(context())) == std::vector<std::string>{"low"}; }, kLong));
  expect_nothing_on("renamed");
  EXPECT_EQ(hook_of("low"), "tc") << "the other one is left alone";
}

TEST_F(ConfirmTest, TheFormerModeComesBackToARenamedDevice) {
  attach("--mode tc");
  attach("--mode generic --confirm 3");
  must_run("ip link set low name renamed");
  EXPECT_TRUE(eventually([&] { return hook_of("renamed") == "tc"; }, kLong));
  EXPECT_TRUE(
      eventually([&] { return nlohmann::json::parse(plain().must("status renamed -j"))["confirm"].is_null(); }, kLong));
}

TEST_F(ConfirmTest, WhatADeviceThatLeftTheNamespaceLeftHereIsRemoved) {
  attach("--mode tc --confirm 3");
  must_run("ip netns add rxf-confirm-elsewhere && ip link set low netns rxf-confirm-elsewhere");
  EXPECT_TRUE(eventually([&] { return !fs::exists(bpffs_->path() + "/rxfilter"); }, kLong));
  must_run("ip netns del rxf-confirm-elsewhere");
}

// The daemon

TEST_F(ConfirmTest, TheDaemonUndoesItWhereTheWatcherWasKilled) {
  start();
  attach("--mode generic --confirm 3");
  kill_watchers();
  must_run("ip link set low name renamed");
  EXPECT_TRUE(becomes_unattached()) << daemon().log();
  expect_nothing_on("renamed");
  EXPECT_TRUE(eventually([&] { return daemon().log().find("not confirmed in time: undone") != std::string::npos; }));
}

TEST_F(ConfirmTest, TheDaemonHearsOfAnAttachAgain) {
  attach("--mode tc");
  start();
  attach("--mode generic --confirm 3");
  kill_watchers();
  EXPECT_TRUE(eventually([&] { return hook_of("low") == "tc"; }, kLong)) << daemon().log();
}

TEST_F(ConfirmTest, ADaemonThatStartsLaterUndoesWhatIsOverdue) {
  attach("--mode generic --confirm 1");
  kill_watchers();
  ASSERT_TRUE(
      eventually([&] { return nlohmann::json::parse(plain().must("status low -j"))["confirm"]["seconds_left"] == 0; }));
  start();
  EXPECT_TRUE(becomes_unattached()) << daemon().log();
}

TEST_F(ConfirmTest, TheDaemonDoesNotConfirmWhatItFollows) {
  start();
  attach("--mode generic --confirm 4");
  must_run("ip link set upper address 02:aa:00:00:00:07");
  EXPECT_FALSE(nlohmann::json::parse(plain().must("status low -j"))["confirm"].is_null());
  daemon().signal(SIGHUP);
  EXPECT_TRUE(becomes_unattached()) << daemon().log();
}

TEST_F(ConfirmTest, WhatIsConfirmedStaysWhereADaemonRuns) {
  start();
  attach("--mode tc --confirm 2");
  plain().must("attach low");
  EXPECT_TRUE(eventually([&] { return watchers().empty(); }));
  EXPECT_FALSE(
      eventually([&] { return must(mirror::attached_devices(context())).empty(); }, std::chrono::milliseconds(500)));
}

}  // namespace
}  // namespace rxf::test
