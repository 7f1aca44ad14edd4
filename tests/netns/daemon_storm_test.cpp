// SPDX-License-Identifier: GPL-2.0-only
// More happens than can be heard, or all of it at random: in the end the maps are what a plan from a fresh look is.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/enforcement.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

constexpr int kLowers = 4;

std::string lower_name(std::size_t lower) { return "low" + std::to_string(lower); }

MacAddress address_of(unsigned number) {
  return {{0x02, 0xaa, 0, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
}

class DaemonStormTest : public DaemonFixture {
 protected:
  void SetUp() override {
    DaemonFixture::SetUp();
    if (IsSkipped()) return;
    for (int i = 0; i < kLowers; ++i) make_lower(lower_name(static_cast<std::size_t>(i)));
    start({"--attach", "low0,low1,low2,low3"});
  }

  // What fails is left out by ip(8): events are drawn without looking whether they can be.
  void batch(const std::string& commands) const {
    const std::string file = directory_->file("batch");
    std::ofstream(file) << commands;
    run("ip -force -batch " + file + " > /dev/null 2>&1");
  }

  void expect_all_followed(const std::string& what) {
    for (int i = 0; i < kLowers; ++i) expect_followed(lower_name(static_cast<std::size_t>(i)), what);
  }
};

// What was lost at the daemon's event socket (RTNLGRP_LINK and RTNLGRP_TC), from /proc/net/netlink.
std::uint64_t overruns(pid_t daemon) {
  std::ifstream table("/proc/" + std::to_string(daemon) + "/net/netlink");
  std::string line;
  std::getline(table, line);
  std::uint64_t drops = 0;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string socket, protocol, port, groups, receive, send, dump, locks, dropped;
    fields >> socket >> protocol >> port >> groups >> receive >> send >> dump >> locks >> dropped;
    if (groups == "00000009") drops += std::stoull(dropped);
  }
  return drops;
}

TEST_F(DaemonStormTest, WhatIsLostIsLookedFor) {
  constexpr int kChanges = 20'000;
  make_upper("low0", "first", address_of(1));
  make_upper("low0", "second", address_of(2));
  make_upper("low1", "third", address_of(3));
  for (const char* upper : {"first", "third"})
    ASSERT_EQ(loader(std::string("set ") + upper + " --unicast 02:bb:00:00:00:01").status, 0);
  expect_all_followed("before");
  const auto before = overruns(daemon().pid());
  daemon().signal(SIGSTOP);
  std::string commands;
  for (int i = 0; i < kChanges; ++i) commands += "link set low3 mtu " + std::to_string(1300 + i % 2) + "\n";
  // Of these nothing is heard.
  commands +=
      "link set first address 02:aa:00:00:01:01\nlink del second\nlink set third down\n"
      "link add link low2 name fourth address 02:aa:00:00:01:04 type macvlan mode bridge\n";
  batch(commands);
  EXPECT_GT(overruns(daemon().pid()), before) << "everything could be heard";
  const auto problems = enforcement_problems(bpffs_->path(), "low0");
  EXPECT_FALSE(problems.empty()) << "nothing was to be done";
  daemon().signal(SIGCONT);
  expect_all_followed("after the overrun");
}

// Links by name, as they would be if every command worked.
class RandomLinks {
 public:
  explicit RandomLinks(std::uint64_t seed, std::string elsewhere) : random_(seed), elsewhere_(std::move(elsewhere)) {}

  // Lines for ip -batch.
  std::string next();
  std::string all_up();
  [[nodiscard]] std::string some_upper() {
    return uppers_.empty() ? "" : std::next(uppers_.begin(), below(uppers_.size()))->first;
  }

 private:
  std::ptrdiff_t below(std::size_t count) {
    return static_cast<std::ptrdiff_t>(std::uniform_int_distribution<std::size_t>(0, count - 1)(random_));
  }
  std::string add();
  std::string change(const std::string& upper);

  std::mt19937_64 random_;
  std::string elsewhere_;
  std::map<std::string, bool> uppers_;  // by name: whether it is up
  unsigned made_ = 0;
};

std::string RandomLinks::add() {
  static constexpr std::array<const char*, 4> kModes = {"bridge", "private", "vepa", "bridge"};
  const std::string name = "u" + std::to_string(made_++);
  uppers_[name] = false;
  return "link add link " + lower_name(static_cast<std::size_t>(below(kLowers))) + " name " + name + " address " +
         to_string(address_of(made_)) + " type macvlan mode " +
         kModes.at(static_cast<std::size_t>(below(kModes.size())));
}

std::string RandomLinks::change(const std::string& upper) {
  static constexpr std::array<const char*, 4> kModes = {"bridge", "private", "vepa", "source"};
  const std::string set = "link set " + upper;
  const auto drawn = below(24);
  if (drawn == 0) {
    uppers_.erase(upper);
    return "link del " + upper;
  }
  if (drawn == 1) {
    uppers_.erase(upper);
    return set + " netns " + elsewhere_;
  }
  if (drawn == 2) {
    uppers_.erase(upper);
    const std::string name = "r" + std::to_string(made_++);
    uppers_[name] = false;
    return set + " down\nlink set " + upper + " name " + name;
  }
  if (drawn < 7) return set + " address " + to_string(address_of(0x4000U + made_++));
  if (drawn < 10) return set + " type macvlan mode " + kModes.at(static_cast<std::size_t>(below(kModes.size())));
  if (drawn < 14) return set + (drawn % 2 == 0 ? " promisc on" : " promisc off");
  return set + ((uppers_[upper] = !uppers_[upper]) ? " up" : " down");
}

// Of an upper that is down the flags wait until it is up.
std::string RandomLinks::all_up() {
  std::string commands;
  for (auto& [name, up] : uppers_) commands += "link set " + name + " up\n";
  // Last of all what no lower device is told of.
  for (auto& [name, up] : uppers_)
    commands += "link set " + name + " address " + to_string(address_of(0xc000U + made_++)) + "\n";
  return commands;
}

std::string RandomLinks::next() {
  constexpr std::size_t kMost = 48;
  if (uppers_.empty() || (uppers_.size() < kMost && below(10) == 0)) return add();
  if (below(40) == 0) {
    const std::string lower = lower_name(static_cast<std::size_t>(below(kLowers)));
    return "link set " + lower +
           (below(3) == 0 ? " down\nlink set " + lower + " up"
                          : " address " + to_string(address_of(0x8000U + made_++)));
  }
  return change(some_upper());
}

TEST_F(DaemonStormTest, TenThousandRandomEvents) {
  constexpr std::uint64_t kSeed = 20261122;
  constexpr int kRounds = 50;
  constexpr int kEventsARound = 200;
  const char* asked = std::getenv("RXF_EVENTS_SEED");
  const std::uint64_t seed = asked == nullptr ? kSeed : std::strtoull(asked, nullptr, 10);
  std::cout << "  seed " << seed << "\n";
  RandomLinks links(seed, "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(elsewhere_->fd()));
  int sets = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string commands;
    for (int i = 0; i < kEventsARound; ++i) commands += links.next() + "\n";
    batch(commands);
    for (int i = 0; i < 4; ++i)
      if (loader("set " + links.some_upper() + " --unicast +02:bb:00:00:" + std::to_string(i) + ":" +
                 std::to_string(10 + round) + " --vlan " + std::to_string(1 + round))
              .status == 0)
        ++sets;
  }
  batch(links.all_up());
  EXPECT_GT(sets, kRounds);
  expect_all_followed("after all of them, seed " + std::to_string(seed));
  std::cout << "  " << kRounds * kEventsARound << " events, " << sets << " sets\n";
}

}  // namespace
}  // namespace rxf::test
