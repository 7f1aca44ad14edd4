// SPDX-License-Identifier: GPL-2.0-only
// The command line goes through the daemon where there is one, and ends in the same state.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <functional>
#include <memory>

#include "tests/support/child_process.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/enforcement.h"

namespace rxf::test {
namespace {

constexpr MacAddress kUpper = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr MacAddress kOther = {{0x02, 0xaa, 0, 0, 0, 2}};

class DaemonRouteTest : public DaemonFixture {
 protected:
  void SetUp() override {
    DaemonFixture::SetUp();
    if (IsSkipped()) return;
    make_lower("low");
    make_upper("low", "upper", kUpper);
    make_upper("low", "other", kOther);
    start({"--attach", "low"});
  }

  void stop_daemon() {
    daemon().signal(SIGTERM);
    EXPECT_EQ(daemon().wait(), 0);
  }

  void expect_said(const std::string& arguments, const std::string& route) {
    const auto done = loader("-v " + arguments);
    EXPECT_EQ(done.status, 0) << arguments << ": " << done.err;
    EXPECT_NE(done.err.find(" by " + route), std::string::npos) << arguments << ": " << done.err;
  }
};

constexpr const char* kSets[] = {
    "set NAME --unicast 02:bb:00:00:00:01,02:bb:00:00:00:02 --vlan 7,20-29",
    "set NAME --multicast +01:00:5e:01:02:03 --flags broadcast,multicast",
    "set NAME --vlan -20-25 --unicast -02:bb:00:00:00:02",
    "set NAME --vlan all",
    "set NAME --flags +promisc",
    "set NAME --unicast none --multicast all",
};

std::string with_name(std::string command, const std::string& name) {
  return command.replace(command.find("NAME"), 4, name);
}

TEST_F(DaemonRouteTest, EachSaysWhichWayItWent) {
  expect_said("set upper --vlan 7", "the daemon");
  expect_said("get upper", "the daemon");
  expect_said("clear upper", "the daemon");
  stop_daemon();
  expect_said("set upper --vlan 7", "in-process");
  expect_said("get upper", "in-process");
  expect_said("clear upper", "in-process");
}

TEST_F(DaemonRouteTest, BothWaysEndInTheSameState) {
  std::vector<std::string> through_daemon;
  for (const char* command : kSets) {
    const auto done = loader(with_name(command, "upper"));
    EXPECT_EQ(done.status, 0) << command << ": " << done.err;
    through_daemon.push_back(loader("get upper -j").out);
    EXPECT_EQ(enforcement_problems(bpffs_->path(), "low"), std::vector<std::string>{}) << command;
  }
  ASSERT_EQ(loader("clear upper").status, 0);
  const std::string cleared = loader("get upper -j").out;
  stop_daemon();
  EXPECT_EQ(loader("get upper -j").out, cleared);
  for (std::size_t i = 0; i < std::size(kSets); ++i) {
    const auto done = loader(with_name(kSets[i], "upper"));
    EXPECT_EQ(done.status, 0) << kSets[i] << ": " << done.err;
    EXPECT_EQ(loader("get upper -j").out, through_daemon[i]) << kSets[i];
    EXPECT_EQ(enforcement_problems(bpffs_->path(), "low"), std::vector<std::string>{}) << kSets[i];
  }
}

TEST_F(DaemonRouteTest, BothWaysSayTheSameOfAnError) {
  const std::vector<std::string> wrong = {"set nobody --vlan 7",
                                          "get nobody",
                                          "clear nobody",
                                          "set low-far --vlan 7",
                                          "get low-far",
                                          "set upper --multicast 01:00:5e:00:00:01 --flags none",
                                          "set other --unicast 02:bb:00:00:00:09"};
  ASSERT_EQ(loader("set upper --unicast 02:bb:00:00:00:09 --vlan 7").status, 0);
  std::vector<CommandResult> through_daemon;
  for (const std::string& command : wrong) through_daemon.push_back(loader(command));
  stop_daemon();
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    const auto alone = loader(wrong[i]);
    EXPECT_NE(alone.status, 0) << wrong[i];
    EXPECT_EQ(alone.status, through_daemon[i].status) << wrong[i] << ": " << through_daemon[i].err << alone.err;
  }
}

TEST_F(DaemonRouteTest, EditsAtTheSameTimeLoseNone) {
  constexpr int kRounds = 5;
  constexpr int kProcesses = 8;
  ASSERT_EQ(loader("set upper --vlan none").status, 0);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::unique_ptr<ChildProcess>> editors;
    for (int i = 0; i < kProcesses; ++i) {
      const std::string vlan = "+" + std::to_string(10 * (round * kProcesses + i) + 1);
      editors.push_back(std::make_unique<ChildProcess>(std::vector<std::string>{
          LoaderCommand::binary(), "--bpffs", bpffs_->path(), "--api", api(), "set", "upper", "--vlan", vlan}));
    }
    for (const auto& editor : editors) EXPECT_EQ(editor->wait(), 0);
  }
  const std::string got = loader("get upper -j").out;
  for (int i = 0; i < kRounds * kProcesses; ++i)
    EXPECT_NE(got.find(std::to_string(10 * i + 1)), std::string::npos) << i << " is lost: " << got;
  expect_followed("low", "all of them");
}

// Who is stopped in the middle of an edit does not stop the others for ever.
TEST_F(DaemonRouteTest, AnEditDoesNotWaitForEver) {
  ASSERT_EQ(loader("set upper --vlan 7").status, 0);
  const Fd held(::open((api() + ".edit").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
  const auto refused = loader("set upper --vlan +8");
  EXPECT_EQ(refused.status, 4) << refused.err;
  EXPECT_NE(refused.err.find("nothing was changed"), std::string::npos) << refused.err;
  const auto got = loader("get upper");
  EXPECT_EQ(got.status, 0) << "to look takes no lock";
  EXPECT_NE(got.out.find("vlans 7\n"), std::string::npos) << got.out;
}

// Who may not connect may not hold up those who may.
TEST_F(DaemonRouteTest, OnlyThoseWhoMayConnectCanLockEdits) {
  struct stat socket {};
  struct stat lock {};
  ASSERT_EQ(::stat(api().c_str(), &socket), 0);
  ASSERT_EQ(::stat((api() + ".edit").c_str(), &lock), 0);
  EXPECT_EQ(lock.st_mode & 0777U, 0660U);
  EXPECT_EQ(lock.st_gid, socket.st_gid);
}

}  // namespace
}  // namespace rxf::test
