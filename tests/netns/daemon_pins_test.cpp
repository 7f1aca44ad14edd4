// SPDX-License-Identifier: GPL-2.0-only
// The daemon hears of every attach, whatever became of the directory that it watches.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>

#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"

namespace rxf::test {
namespace {

constexpr MacAddress kUpper = {{0x02, 0xaa, 0, 0, 0, 1}};

class DaemonPinsTest : public DaemonFixture {
 protected:
  void SetUp() override {
    DaemonFixture::SetUp();
    if (IsSkipped()) return;
    make_lower("low");
    make_upper("low", "upper", kUpper);
  }
  [[nodiscard]] LoaderCommand plain() const { return LoaderCommand(bpffs_->path()); }
  [[nodiscard]] std::string root() const { return bpffs_->path() + "/rxfilter"; }

  // Nobody but the daemon follows the upper's new address: it looks by itself once an hour.
  void expect_heard(const std::string& what) {
    set("upper", filter(1));
    const char last = static_cast<char>('1' + ++addresses_);
    must_run(std::string("ip link set upper address 02:aa:00:00:01:0") + last);
    expect_followed("low", what);
  }

  int addresses_ = 0;
};

TEST_F(DaemonPinsTest, AfterTheLastDetachItHearsOfTheNextAttach) {
  start();
  for (int round = 0; round < 3; ++round) {
    plain().must("attach low");
    expect_heard("round " + std::to_string(round));
    plain().must("detach low");
  }
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(root()); }));
}

TEST_F(DaemonPinsTest, ABpffsThatIsMountedOverItAndTakenAwayAgain) {
  start();
  plain().must("attach low");
  expect_heard("before");
  plain().must("detach low");
  ASSERT_EQ(::mount("bpf", bpffs_->path().c_str(), "bpf", 0, nullptr), 0);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(root()); })) << "it watches the one that is seen";
  plain().must("attach low");
  expect_heard("in the new one");
  plain().must("detach low");
  ASSERT_EQ(::umount2(bpffs_->path().c_str(), MNT_DETACH), 0);
  plain().must("attach low");
  expect_heard("in the old one again");
}

TEST_F(DaemonPinsTest, ADirectoryThatWasMovedAwayAndBack) {
  start();
  must_run("mv " + root() + " " + root() + "-away");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(root()); }));
  plain().must("attach low");
  expect_heard("in a new one");
  plain().must("detach low");
  must_run("rmdir " + root() + " ; mv -T " + root() + "-away " + root());
  plain().must("attach low");
  expect_heard("in the old one");
}

TEST_F(DaemonPinsTest, WhatItCannotTrustIsToldOfAndOver) {
  start();
  // It makes another one at once where there is none; an empty one can be replaced.
  must_run("mkdir -m 777 " + root() + "-open && mv " + root() + " " + root() + "-away && mv -T " + root() + "-open " +
           root());
  EXPECT_TRUE(eventually([&] { return daemon().log().find("may be written to by others") != std::string::npos; }))
      << daemon().log();
  must_run("rmdir " + root());
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(root()); }));
  plain().must("attach low");
  expect_heard("afterwards");
}

}  // namespace
}  // namespace rxf::test
