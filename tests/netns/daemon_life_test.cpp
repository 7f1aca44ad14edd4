// SPDX-License-Identifier: GPL-2.0-only
// A daemon's life, as systemd and the machine see it: start, reload, watchdog, end, wake-ups and memory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "loader/daemon/api_client.h"
#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/enforcement.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

constexpr MacAddress kUpper = {{0x02, 0xaa, 0, 0, 0, 1}};

// How often the table of mounts changes in that time, which it takes.
std::size_t mount_changes(std::chrono::steady_clock::duration time) {
  const Fd mounts(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  const auto end = std::chrono::steady_clock::now() + time;
  std::size_t changes = 0;
  while (std::chrono::steady_clock::now() < end) {
    pollfd wait{.fd = mounts.get(), .events = POLLPRI};
    if (::poll(&wait, 1, 100) > 0) ++changes;
  }
  return changes;
}

class DaemonLifeTest : public DaemonFixture {
 protected:
  [[nodiscard]] mirror::Context context() const { return {.bpffs = bpffs_->path()}; }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = directory_->file(name);
    std::ofstream(path) << text;
    return path;
  }

  bool reload() {
    daemon().forget_notified();
    daemon().signal(SIGHUP);
    return daemon().wait_for("RELOADING=1") && daemon().wait_for("MONOTONIC_USEC=") && daemon().wait_for("READY=1");
  }

  static std::uint64_t field(pid_t pid, const std::string& name) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1));
    throw std::runtime_error(name + " of " + std::to_string(pid));
  }
};

TEST_F(DaemonLifeTest, SigtermLeavesTheFilterInPlace) {
  make_lower("low");
  start({"--attach", "low"});
  make_upper("low", "upper", kUpper);
  ASSERT_EQ(loader("set upper --unicast 02:bb:00:00:00:01").status, 0);
  for (const int end : {SIGTERM, SIGINT}) {
    ASSERT_TRUE(std::filesystem::is_socket(api()));
    daemon().signal(end);
    EXPECT_EQ(daemon().wait(), 0);
    EXPECT_TRUE(daemon().wait_for("STOPPING=1"));
    EXPECT_FALSE(std::filesystem::exists(api()));
    EXPECT_EQ(enforcement_problems(bpffs_->path(), "low"), std::vector<std::string>{});
    EXPECT_NE(loader("get upper").out.find("02:bb:00:00:00:01"), std::string::npos);
    start();
  }
}

TEST_F(DaemonLifeTest, ItSaysWhatItFollows) {
  make_lower("low");
  start({"--attach", "low"});
  EXPECT_TRUE(daemon().wait_for("STATUS=1 lower device in step"));
}

TEST_F(DaemonLifeTest, SighupReadsTheFileAgain) {
  for (const char* lower : {"one", "two"}) make_lower(lower);
  const std::string file = write("conf", "attach = \"one\"\n");
  start({"--config", file});
  EXPECT_TRUE(is_attached("one"));
  EXPECT_FALSE(is_attached("two"));
  write("conf", "attach = [\"one\", \"two\"]\n");
  ASSERT_TRUE(reload()) << daemon().log();
  EXPECT_TRUE(is_attached("two"));
}

TEST_F(DaemonLifeTest, ABadFileIsLoggedAndChangesNothing) {
  for (const char* lower : {"one", "two"}) make_lower(lower);
  const std::string file = write("conf", "attach = \"one\"\n");
  start({"--config", file});
  for (const char* bad :
       {"attach = [\"one\", \"two\"]\nno-such-option = 1\n", "look = never\n", "allow = nonsense\n"}) {
    write("conf", bad);
    ASSERT_TRUE(reload()) << bad << daemon().log();
    EXPECT_NE(daemon().log().find("not reloaded: "), std::string::npos) << bad;
    EXPECT_FALSE(is_attached("two")) << bad;
  }
  make_upper("one", "upper", kUpper);
  EXPECT_EQ(loader("set upper --vlan 7").status, 0);
  expect_followed("one", "the daemon goes on");
  std::filesystem::remove(file);
  ASSERT_TRUE(reload());
  EXPECT_EQ(loader("get upper").status, 0);
}

TEST_F(DaemonLifeTest, ABadFileAtTheStartIsAnError) {
  const DaemonProcess::Options options{.arguments = {"--config", write("conf", "look = never\n")}};
  DaemonProcess failed(bpffs_->path(), directory_->path(), options);
  EXPECT_EQ(failed.wait(), 2);
  EXPECT_NE(failed.log().find("conf"), std::string::npos) << failed.log();
  EXPECT_FALSE(std::filesystem::exists(api()));
}

TEST_F(DaemonLifeTest, TheWatchdogIsFed) {
  const std::vector<std::string> own_pid = {"/bin/sh", "-c", "WATCHDOG_PID=$$ exec \"$@\"", "sh"};
  start(DaemonProcess::Options{.launcher = own_pid, .environment = {"WATCHDOG_USEC=400000"}});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(daemon().wait_for("WATCHDOG=1", std::chrono::milliseconds(1500))) << i;
  start(DaemonProcess::Options{.environment = {"WATCHDOG_USEC=400000", "WATCHDOG_PID=1"}});
  EXPECT_FALSE(daemon().wait_for("WATCHDOG=1", std::chrono::milliseconds(800))) << "it is not for us";
}

TEST_F(DaemonLifeTest, ASecondDaemonOnTheSocketIsRefused) {
  const pid_t first = start().pid();
  const std::string before = daemon().log();
  const auto second = loader("run");
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.err.find(std::to_string(first)), std::string::npos) << second.err;
  EXPECT_EQ(std::ranges::count(second.err, '\n'), 1) << second.err;
  EXPECT_EQ(daemon().log(), before);
  EXPECT_TRUE(std::filesystem::is_socket(api()));
  EXPECT_EQ(loader("status").status, 0);
}

TEST_F(DaemonLifeTest, ASocketThatNobodyServesIsTakenOver) {
  start().kill();
  ASSERT_TRUE(std::filesystem::is_socket(api()));
  start();
  EXPECT_EQ(daemon().notified().empty(), false);
}

TEST_F(DaemonLifeTest, NothingWakesItWhileNothingHappens) {
  constexpr int kLowers = 8;
  std::string lowers;
  for (int i = 0; i < kLowers; ++i) {
    const std::string lower = "low" + std::to_string(i);
    make_lower(lower);
    make_upper(lower, "up" + std::to_string(i), kUpper);
    lowers += (lowers.empty() ? "" : ",") + lower;
  }
  // One that is away is waited for, not looked for.
  start({"--attach", lowers + ",absent", "--look", "60"});
  for (int i = 0; i < kLowers; ++i) ASSERT_EQ(loader("set up" + std::to_string(i) + " --vlan 7").status, 0);
  must_run("ip link del low0");
  // What the kernel still does about the links above (linkwatch) takes a second.
  std::this_thread::sleep_for(std::chrono::seconds(3));
  const auto before = field(daemon().pid(), "voluntary_ctxt_switches");
  // Somebody else's mounts, of which it hears since one may be over its pins: they may be two to a wake-up, or the
  // reverse.
  const std::size_t mounts = 2 * mount_changes(std::chrono::seconds(20));
  const auto wakeups = field(daemon().pid(), "voluntary_ctxt_switches") - before;
  std::cout << "  " << wakeups << " wake-ups in 20 s\n";
  EXPECT_LE(wakeups, 2U + mounts);
}

// By turns of a filter set, an address, a new upper and a deleted one.
TEST_F(DaemonLifeTest, ItDoesNotGrow) {
  constexpr int kWarmUp = 1000;
  const char* asked = std::getenv("RXF_DAEMON_CHANGES");
  const int changes = asked == nullptr ? 3000 : std::atoi(asked);
  make_lower("low");
  start({"--attach", "low"});
  make_upper("low", "upper", kUpper);
  auto client = must(daemon::ApiClient::connect(api()));
  const auto change = [&](int number) {
    const auto low = static_cast<unsigned>(number);
    if (number % 4 == 0) must_run("ip link add link low name new type macvlan mode bridge");
    if (number % 4 == 1)
      must_run("ip link set upper address " +
               to_string(MacAddress{{0x02, 0xaa, 0, 0, 1, static_cast<std::uint8_t>(number)}}));
    if (number % 4 == 2) must_run("ip link del new");
    (void)must(client.set({.name = "upper"}, exactly(filter(low))));
  };
  for (int i = 0; i < kWarmUp; ++i) change(i);
  expect_followed("low", "the first ones");
  const auto before = field(daemon().pid(), "VmRSS");
  for (int i = kWarmUp; i < changes; ++i) change(i);
  expect_followed("low", "all of them");
  const auto after = field(daemon().pid(), "VmRSS");
  std::cout << "  " << before << " KB after " << kWarmUp << " changes, " << after << " KB after " << changes << "\n";
  EXPECT_LE(after * 100, before * 105);
  EXPECT_GE(after * 100, before * 95);
}

}  // namespace
}  // namespace rxf::test
