// SPDX-License-Identifier: GPL-2.0-only
// In shadow, and once the time to confirm is over, nothing is dropped, whatever process was killed; what nobody
// confirmed is undone.
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <thread>

#include "loader/mirror/operations.h"
#include "tests/support/child_process.h"
#include "tests/support/command.h"
#include "tests/support/foreign_programs.h"
#include "tests/support/frame_sender.h"
#include "tests/support/host_state.h"
#include "tests/support/loader_command.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/system_call.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr MacAddress kOwn = Topology::kUpperAddress;
constexpr MacAddress kStranger = {{0x02, 0x99, 0, 0, 0, 1}};
constexpr int kFrames = 20;
constexpr int kQuietMs = 50;
constexpr int kKilledRounds = 6;
constexpr std::chrono::seconds kPatience{30};
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

// Unicast: the own address alone. On VLAN 42 and untagged. No broadcast.
constexpr const char* kFilter = "set upper --unicast none --multicast none --vlan 42 --flags multicast";

// Their command lines have it, which is nobody else's.
std::vector<pid_t> processes_with(const std::string& argument) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{}) continue;
    std::ifstream file(entry.path() / "cmdline");
    std::string line;
    std::getline(file, line);
    if (line.contains(argument + '\0') && line.contains("--confirm")) found.push_back(pid);
  }
  return found;
}

bool wait_until(const std::function<bool()>& holds) {
  const auto patience = Clock::now() + kPatience;
  while (!holds()) {
    if (Clock::now() > patience) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

void sleep_until_boot_time(std::uint64_t deadline) {
  while (mirror::boot_now() < deadline) std::this_thread::sleep_for(milliseconds(5));
}

// At the latest then it is over, for a command that has ended by now.
std::uint64_t end_of(int seconds) {
  return mirror::boot_now() + static_cast<std::uint64_t>(seconds) * kNanosecondsPerSecond;
}

void kill_within(Clock::duration length, const std::vector<std::string>& argv, std::mt19937& random) {
  ChildProcess child(argv);
  std::this_thread::sleep_for(length * std::uniform_real_distribution<double>(0, 1.1)(random));
  child.kill();
}

class ArmingTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
    bpffs_.emplace();
    loader_.emplace(bpffs_->path());
    topology_.emplace(Uppers::passthru);
    tap_.emplace("upper");
    const auto start = Clock::now();
    loader_->must("attach lower");
    attach_length_ = Clock::now() - start;
    loader_->must("detach lower");
    enough_ = 1 + static_cast<int>(std::chrono::ceil<std::chrono::seconds>(6 * attach_length_).count());
    unattached_ = state();
  }
  // Those of a failed test.
  void TearDown() override {
    if (bpffs_) kill_watchers();
  }

  [[nodiscard]] std::string confirm() const { return " --confirm " + std::to_string(enough_); }
  std::string state() { return host_state(bpffs_->path()); }
  Json status() { return Json::parse(loader_->must("status lower -j")); }
  std::vector<pid_t> watchers() { return processes_with(bpffs_->path()); }
  bool no_watcher_is_left() {
    return wait_until([&] { return watchers().empty(); });
  }
  std::size_t kill_watchers() {
    const auto found = watchers();
    for (const pid_t watcher : found) ::kill(watcher, SIGKILL);
    EXPECT_TRUE(no_watcher_is_left());
    return found.size();
  }

  std::size_t arrived_of(int count, const MacAddress& destination, std::uint16_t vid = 0) {
    tap_->drain(0);
    send_frames(destination, vid, count);
    return tap_->drain(kQuietMs).size();
  }
  bool strangers_pass() { return arrived_of(1, kStranger) == 1; }
  void expect_dropping() {
    EXPECT_FALSE(strangers_pass());
    EXPECT_EQ(arrived_of(1, kOwn), 1U);
  }

  void expect_undone(const std::string& before) {
    EXPECT_TRUE(no_watcher_is_left());
    EXPECT_EQ(state(), before);
    EXPECT_TRUE(strangers_pass());
  }
  void expect_not_confirmed_in_time() {
    EXPECT_TRUE(strangers_pass());
    const Json now = status();
    EXPECT_EQ(now["confirm"]["seconds_left"], 0) << now;
    EXPECT_TRUE(now["problems"].dump().contains("not confirmed in time: nothing is dropped")) << now;
  }

  std::optional<ScratchBpffs> bpffs_;
  std::optional<LoaderCommand> loader_;
  std::optional<Topology> topology_;
  std::optional<TapReader> tap_;
  std::string unattached_;
  Clock::duration attach_length_{};
  int enough_ = 0;  // seconds to confirm, for a few commands on this machine as busy as it is
};

class ArmingModeTest : public ArmingTest, public testing::WithParamInterface<const char*> {
 protected:
  std::string attach() { return std::string("attach lower --mode ") + GetParam(); }

  struct Arrivals {
    std::size_t own, own_wanted_vlan, own_unwanted_vlan, stranger, broadcast;
    bool operator==(const Arrivals&) const = default;
  };
  Arrivals send_all() {
    constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    return {arrived_of(kFrames, kOwn), arrived_of(kFrames, kOwn, 42), arrived_of(kFrames, kOwn, 7),
            arrived_of(kFrames, kStranger), arrived_of(kFrames, kBroadcast)};
  }
  static int dropped(const Json& hook, const char* reason) { return hook["dropped"][reason]["packets"].get<int>(); }
};

constexpr const char* kReasons[] = {"vlan", "unicast", "broadcast"};

TEST_P(ArmingModeTest, ShadowPassesEverythingAndCountsAsIfNot) {
  loader_->must(attach() + " --shadow");
  loader_->must(kFilter);
  EXPECT_EQ(send_all(), (Arrivals{kFrames, kFrames, kFrames, kFrames, kFrames}));
  const Json shadow = status();
  EXPECT_EQ(shadow["shadow"], true);
  for (const char* reason : kReasons)
    EXPECT_EQ(dropped(shadow["counters"]["guard"]["upper"], reason), kFrames) << reason;

  EXPECT_EQ(loader_->run("attach lower --enforce").err, "");
  EXPECT_EQ(send_all(), (Arrivals{kFrames, kFrames, 0, 0, 0}));
  const Json enforced = status();
  EXPECT_EQ(enforced["shadow"], false);
  for (const char* reason : kReasons) {
    const int early_in_shadow = dropped(shadow["counters"]["early"], reason);
    const int early = dropped(enforced["counters"]["early"], reason) - early_in_shadow;
    const int guard = dropped(enforced["counters"]["guard"]["upper"], reason) - kFrames;
    EXPECT_EQ(early, early_in_shadow) << reason;
    EXPECT_EQ(early + guard, kFrames) << reason;
  }
  EXPECT_EQ(dropped(shadow["counters"]["early"], "unicast"), kFrames) << "the early drop counts in shadow";
}

TEST_P(ArmingModeTest, ShadowStaysUntilTold) {
  loader_->must(attach() + " --shadow");
  loader_->must(kFilter);
  const CommandResult again = loader_->run("attach lower");
  EXPECT_EQ(again.out, "lower: already attached\n  shadow: counted, not dropped\n");
  EXPECT_TRUE(again.err.contains("attach lower --enforce")) << again.err;
  EXPECT_TRUE(strangers_pass());
  loader_->must("attach lower --mode generic");
  EXPECT_TRUE(strangers_pass());
  loader_->must("attach lower --enforce");
  expect_dropping();
  loader_->must("attach lower");
  expect_dropping();
  loader_->must("attach lower --shadow");
  EXPECT_TRUE(strangers_pass());
}

INSTANTIATE_TEST_SUITE_P(Modes, ArmingModeTest, testing::Values("tc", "native"),
                         [](const testing::TestParamInfo<const char*>& mode) { return std::string(mode.param); });

// One frame under way at a time: each is judged at another moment of the commands.
TEST_F(ArmingTest, ShadowLosesNoFrameFromTheBeginningOn) {
  std::atomic<bool> stopping = false;
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  FrameSender sender(ifindex_of("far"));
  std::thread traffic([&] {
    for (; !stopping && lost == 0; ++sent) {
      sender.send(to_bytes({.destination = kStranger}));
      if (!tap_->read_frame(1000)) ++lost;
    }
  });
  for (const std::string& command :
       {std::string("attach lower --mode tc --shadow"), std::string(kFilter), std::string("attach lower"),
        std::string("set upper --vlan none"), std::string("attach lower --confirm 30"), std::string("attach lower")})
    loader_->must(command);
  stopping = true;
  traffic.join();
  EXPECT_EQ(lost, 0U) << "of " << sent;
  EXPECT_GT(sent, 100U);
  kill_watchers();
}

TEST_F(ArmingTest, ConfirmedInTimeStays) {
  const CommandResult attached = loader_->run("attach lower" + confirm());
  EXPECT_TRUE(attached.out.contains("\n  unconfirmed: ")) << attached.out;
  EXPECT_TRUE(attached.out.contains(" s left, then detached\n")) << attached.out;
  EXPECT_TRUE(attached.err.contains("unless confirmed by then: rxfilter-loader attach lower\n")) << attached.err;
  EXPECT_EQ(watchers().size(), 1U);
  loader_->must(kFilter);
  expect_dropping();
  EXPECT_EQ(status()["confirm"]["undo"], "detach") << "set is no confirmation";

  EXPECT_EQ(loader_->must("attach lower"), "lower: confirmed\n");
  EXPECT_EQ(status()["confirm"], nullptr);
  EXPECT_TRUE(no_watcher_is_left());
  expect_dropping();
  EXPECT_EQ(loader_->must("attach lower"), "lower: already attached\n");
}

TEST_F(ArmingTest, NotConfirmedIsDetached) {
  loader_->must("attach lower" + confirm());
  loader_->must(kFilter);
  expect_undone(unattached_);
}

TEST_F(ArmingTest, DetachedMeanwhileOrAttachedAnewIsLeftAlone) {
  loader_->must("attach lower" + confirm());
  loader_->must("detach lower");
  loader_->must("attach lower");
  loader_->must(kFilter);
  EXPECT_TRUE(no_watcher_is_left());
  expect_dropping();
}

TEST_F(ArmingTest, WithoutItsWatcherItIsHarmlessAndSaysSo) {
  loader_->must("attach lower" + confirm());
  const std::uint64_t deadline = end_of(enough_);
  loader_->must(kFilter);
  EXPECT_EQ(kill_watchers(), 1U);
  expect_dropping();
  sleep_until_boot_time(deadline);
  expect_not_confirmed_in_time();
  loader_->must("set upper --vlan 43");
  expect_not_confirmed_in_time();

  const CommandResult anew = loader_->run("attach lower");
  EXPECT_TRUE(anew.err.contains("not confirmed in time: it was undone first")) << anew.err;
  EXPECT_EQ(loader_->must("get upper"), "upper: unfiltered\n");
  EXPECT_EQ(status()["problems"].dump(), "[]");
}

TEST_F(ArmingTest, WithoutItsWatcherItCanBeDetached) {
  loader_->must("attach lower --mode native" + confirm());
  const std::uint64_t deadline = end_of(enough_);
  kill_watchers();
  loader_->must(kFilter);
  sleep_until_boot_time(deadline);
  expect_not_confirmed_in_time();
  loader_->must("detach lower");
  EXPECT_EQ(state(), unattached_);
}

TEST_F(ArmingTest, WithoutItsWatcherTheFormerModeComesBackWithTheNextAttach) {
  loader_->must("attach lower --mode tc --shadow");
  loader_->must(kFilter);
  loader_->must("attach lower --mode native --enforce" + confirm());
  const std::uint64_t deadline = end_of(enough_);
  kill_watchers();
  sleep_until_boot_time(deadline);
  expect_not_confirmed_in_time();
  const CommandResult undone = loader_->run("attach lower");
  EXPECT_TRUE(undone.err.contains("it was undone first")) << undone.err;
  EXPECT_EQ(status()["early_drop"], "tc");
  EXPECT_EQ(status()["shadow"], true);
  EXPECT_EQ(status()["confirm"], nullptr);
  EXPECT_TRUE(strangers_pass());
}

TEST_F(ArmingTest, AFormerModeComesBack) {
  loader_->must("attach lower --mode tc");
  loader_->must(kFilter);
  const std::string before = loader_->must("status lower");
  loader_->must("attach lower --mode native" + confirm());
  EXPECT_EQ(status()["early_drop"], "xdp-native");
  EXPECT_EQ(status()["confirm"]["undo"], "enforce");
  EXPECT_TRUE(no_watcher_is_left());
  EXPECT_EQ(loader_->must("status lower"), before);
  expect_dropping();
}

TEST_F(ArmingTest, ShadowComesBack) {
  loader_->must("attach lower --shadow");
  loader_->must(kFilter);
  loader_->must("attach lower --enforce" + confirm());
  expect_dropping();
  EXPECT_TRUE(no_watcher_is_left());
  EXPECT_TRUE(strangers_pass());
  EXPECT_EQ(status()["shadow"], true);
  EXPECT_EQ(status()["confirm"], nullptr);
}

TEST_F(ArmingTest, ASecondAttemptBeginsTheTimeAnewAndKeepsWhatIsUndone) {
  loader_->must("attach lower" + confirm());
  const std::uint64_t first = end_of(enough_);
  loader_->must(kFilter);
  loader_->must("attach lower --mode generic --confirm " + std::to_string(2 * enough_));
  EXPECT_TRUE(wait_until([&] { return watchers().size() == 1; })) << "the first one gives up";
  sleep_until_boot_time(first);
  expect_dropping();
  EXPECT_EQ(status()["confirm"]["undo"], "detach");
  expect_undone(unattached_);
}

TEST_F(ArmingTest, AFailedAttemptLeavesNothing) {
  const ForeignXdp foreign(ifindex_of("lower"), ForeignXdp::Mode::native);
  const std::string before = state();
  EXPECT_EQ(loader_->run("attach lower --mode native --shadow --confirm 30").status, 1);
  EXPECT_EQ(state(), before);
  EXPECT_TRUE(watchers().empty());

  loader_->must("attach lower --mode tc");
  loader_->must(kFilter);
  const std::string attached = loader_->must("status lower");
  EXPECT_EQ(loader_->run("attach lower --mode native --shadow --confirm 30").status, 1);
  EXPECT_TRUE(watchers().empty());
  EXPECT_EQ(loader_->must("status lower"), attached);
  expect_dropping();
}

// The attach, its watcher and everything: what is in the maps by then is enough.
TEST_F(ArmingTest, KilledAtAnyMomentItPassesEverythingAfterTheDeadline) {
  std::mt19937 random(1);
  int filtered = 0;
  for (int round = 0; round < kKilledRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    kill_within(attach_length_, loader_->argv({"attach", "lower", "--confirm", "1"}), random);
    const std::uint64_t deadline = end_of(1);
    kill_watchers();
    if (loader_->run(kFilter).status == 0) ++filtered;
    sleep_until_boot_time(deadline);
    EXPECT_TRUE(strangers_pass());
    loader_->must("detach lower");
    EXPECT_EQ(state(), unattached_);
  }
  EXPECT_GT(filtered, 0) << "every attach was killed before it was one";
}

TEST_F(ArmingTest, KilledWhileItEndsShadowItPassesEverythingAfterTheDeadline) {
  std::mt19937 random(2);
  loader_->must("attach lower --shadow");
  loader_->must(kFilter);
  int enforced = 0;
  for (int round = 0; round < kKilledRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    kill_within(2 * attach_length_, loader_->argv({"attach", "lower", "--enforce", "--confirm", "1"}), random);
    const std::uint64_t deadline = end_of(1);
    kill_watchers();
    if (status()["shadow"] == false) ++enforced;
    sleep_until_boot_time(deadline);
    EXPECT_TRUE(strangers_pass());
    loader_->must("attach lower --shadow");
  }
  EXPECT_GT(enforced, 0) << "every attach was killed before it had enforced anything";
}

// The watcher is there before the attach does anything.
TEST_F(ArmingTest, WhenOnlyTheCommandIsKilledItIsUndoneInTime) {
  std::mt19937 random(3);
  loader_->must("attach lower --mode tc");
  loader_->must(kFilter);
  const std::string before = loader_->must("status lower");
  for (int round = 0; round < kKilledRounds / 2; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    kill_within(attach_length_, loader_->argv({"attach", "lower", "--mode", "native", "--confirm", "1"}), random);
    EXPECT_TRUE(no_watcher_is_left());
    EXPECT_EQ(loader_->must("status lower"), before);
  }
  expect_dropping();
}

// A shell on a terminal of its own, which is closed.
TEST_F(ArmingTest, TheEndOfTheTerminalChangesNothing) {
  int terminal = -1;
  const std::string command = "'" + LoaderCommand::binary() + "' --bpffs '" + bpffs_->path() + "' attach lower" +
                              confirm() + " && exec sleep 60";
  const pid_t shell = checked(forkpty(&terminal, nullptr, nullptr, nullptr), "forkpty");
  if (shell == 0) {
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  EXPECT_TRUE(wait_until([&] { return loader_->run("status lower").status == 0 && watchers().size() == 1; }));
  loader_->must(kFilter);
  ::close(terminal);
  int ended = 0;
  EXPECT_EQ(::waitpid(shell, &ended, 0), shell);
  EXPECT_TRUE(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGHUP);
  EXPECT_EQ(watchers().size(), 1U);
  expect_undone(unattached_);
}

// CLOCK_BOOTTIME may be another one there: the programs read the host's.
TEST_F(ArmingTest, ATimeNamespaceDoesNotMatter) {
  must_run("unshare --time --fork --boottime 100000 '" + LoaderCommand::binary() + "' --bpffs '" + bpffs_->path() +
           "' attach lower" + confirm());
  EXPECT_LE(status()["confirm"]["seconds_left"], enough_);
  loader_->must(kFilter);
  expect_dropping();
  expect_undone(unattached_);
}

TEST_F(ArmingTest, ADryRunSaysWhatWouldBe) {
  const std::string dry = loader_->must("attach lower --shadow --confirm 5 --dry-run");
  EXPECT_TRUE(dry.contains("\n  shadow: counted, not dropped\n")) << dry;
  EXPECT_TRUE(dry.contains(" s left, then detached\n")) << dry;
  EXPECT_EQ(state(), unattached_);
  EXPECT_TRUE(watchers().empty());
  loader_->must("attach lower --confirm 30");
  EXPECT_TRUE(loader_->run("attach lower --dry-run").err.contains("it would confirm the attach before it"));
  EXPECT_EQ(status()["confirm"]["undo"], "detach");
  kill_watchers();
}

}  // namespace
}  // namespace rxf::test
