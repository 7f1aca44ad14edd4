// SPDX-License-Identifier: GPL-2.0-only
// `attach` again, with another mode or with a newer version of the programs, while frames flow: what is wanted arrives,
// every frame of it, what is not wanted never does, and there is no moment without an early drop.
#include <gtest/gtest.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <optional>
#include <system_error>
#include <thread>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/tc_filter.h"
#include "loader/mirror/operations.h"
#include "tests/support/child_process.h"
#include "tests/support/command.h"
#include "tests/support/enforcement.h"
#include "tests/support/host_state.h"
#include "tests/support/live_traffic.h"
#include "tests/support/older_programs.h"
#include "tests/support/passthru_fixture.h"
#include "tests/support/system_call.h"
#include "tests/support/tc_hook.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using mirror::AttachMode;
using mirror::EarlyHook;

constexpr int kUpgrades = 8;
constexpr int kModeRounds = 2;
constexpr int kKills = 24;
constexpr const char* kSet = "set upper --unicast 02:bb:00:00:00:01 --multicast 01:00:5e:01:02:03 --vlan 42";

std::uint32_t xdp_id(std::uint32_t ifindex) {
  __u32 id = 0;
  EXPECT_EQ(bpf_xdp_query_id(static_cast<int>(ifindex), 0, &id), 0);
  return id;
}

// Looks at the lower device's hooks again and again, in a process of its own: libbpf's messages go to one place. Made
// before any thread is.
class Watch {
 public:
  explicit Watch(std::uint32_t ifindex) : ifindex_(ifindex) {
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    shared_ = new (memory) Shared;
    child_ = checked(::fork(), "fork");
    if (child_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    look();
    ::_exit(0);
  }
  ~Watch() {
    stop();
    ::munmap(shared_, sizeof(Shared));
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void stop() {
    shared_->stopping = true;
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

  // Before and after each command: what is seen across two of them tells nothing.
  void next() { ++shared_->turn; }

  // After stop().
  void expect_never_bare(unsigned looks = 100) const {
    EXPECT_GE(shared_->looks, looks);
    EXPECT_EQ(shared_->bare, 0U) << "of " << shared_->looks << " looks";
  }

 private:
  struct Shared {
    std::atomic<bool> stopping = false;
    std::atomic<unsigned> turn = 0;
    std::atomic<unsigned> looks = 0;
    std::atomic<unsigned> bare = 0;
  };

  void look() {
    libbpf_set_print(nullptr);
    while (!shared_->stopping) {
      const unsigned turn = shared_->turn;
      // An early drop that moves between the looks is seen by the third.
      const bool bare = !on_xdp() && !at_tc() && !on_xdp();
      if (turn != shared_->turn) continue;
      ++shared_->looks;
      if (bare) ++shared_->bare;
      ::usleep(100);
    }
  }
  [[nodiscard]] bool on_xdp() const {
    __u32 id = 0;
    return bpf_xdp_query_id(static_cast<int>(ifindex_), 0, &id) == 0 && id != 0;
  }
  [[nodiscard]] bool at_tc() const {
    const bpf_tc_hook hook = tc_hook(ifindex_, BPF_TC_INGRESS);
    bpf_tc_opts options{};
    options.sz = sizeof options;
    options.handle = datapath::kTcHandle;
    options.priority = datapath::kTcPriority;
    return bpf_tc_query(&hook, &options) == 0;
  }

  std::uint32_t ifindex_;
  pid_t child_ = -1;
  Shared* shared_ = nullptr;
};

class UpgradeTest : public PassthruFixture {
 protected:
  void SetUp() override {
    PassthruFixture::SetUp();
    if (IsSkipped()) return;
    // With GRO a veth keeps its ring, and the frames in it, when native XDP comes and goes.
    must_run("ip link set upper txqueuelen 4096 && ethtool -K lower gro on");
  }

  mirror::AttachResult attach(std::optional<AttachMode> mode) {
    auto result = mirror::attach({.bpffs = bpffs_->path()}, "lower", {.mode = mode});
    EXPECT_TRUE(result) << result.error().text;
    return result ? std::move(*result) : mirror::AttachResult{};
  }
  std::string state() { return host_state(bpffs_->path()); }
  void expect_enforced() { EXPECT_EQ(enforcement_problems(bpffs_->path(), "lower"), std::vector<std::string>{}); }
};

class NewerVersion : public UpgradeTest, public testing::WithParamInterface<const char*> {};

TEST_P(NewerVersion, TakesOverWithoutAMoment) {
  const std::string unattached = state();
  loader_->must(std::string("attach lower --mode ") + GetParam());
  loader_->must(kSet);
  const std::string attached = loader_->must("status lower");
  const std::uint32_t lower = ifindex_of("lower");
  const std::string directory = mirror::status({.bpffs = bpffs_->path()}, "lower")->pin_directory;

  Watch watch(lower);
  LiveTraffic traffic;
  for (int round = 0; round < kUpgrades; ++round) {
    const OlderPrograms older = replace_by_older(lower, directory);
    watch.next();
    const auto again = attach(std::nullopt);
    watch.next();
    EXPECT_TRUE(again.report.changed);
    EXPECT_TRUE(older.all_gone()) << "round " << round;
    EXPECT_FALSE(attach(std::nullopt).report.changed);
    expect_enforced();
    if (HasFailure()) break;
  }
  watch.stop();
  traffic.stop();
  watch.expect_never_bare();
  traffic.expect_all_of_the_wanted();
  traffic.expect_none_of_the_unwanted();
  EXPECT_EQ(loader_->must("status lower").substr(0, 40), attached.substr(0, 40));
  loader_->must("detach lower");
  EXPECT_EQ(state(), unattached);
}

INSTANTIATE_TEST_SUITE_P(Modes, NewerVersion, testing::Values("tc", "native", "generic"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_F(UpgradeTest, ChangingTheModeLeavesNoMoment) {
  const std::string unattached = state();
  attach(AttachMode::tc);
  loader_->must(kSet);
  Watch watch(ifindex_of("lower"));
  LiveTraffic traffic;
  for (int round = 0; round < kModeRounds; ++round)
    for (const auto& [mode, hook] : {std::pair{AttachMode::native, EarlyHook::xdp_native},
                                     {AttachMode::generic, EarlyHook::xdp_generic},
                                     {AttachMode::native, EarlyHook::xdp_native},
                                     {AttachMode::tc, EarlyHook::tc},
                                     {AttachMode::generic, EarlyHook::xdp_generic},
                                     {AttachMode::tc, EarlyHook::tc}}) {
      watch.next();
      const auto result = attach(mode);
      watch.next();
      EXPECT_EQ(result.status.early, hook);
      EXPECT_TRUE(result.report.changed);
      const std::string filters = must_run("tc filter show dev lower ingress 2>/dev/null || :");
      EXPECT_EQ(filters.contains("rxf_early_tc"), hook == EarlyHook::tc) << filters;
      EXPECT_EQ(xdp_id(ifindex_of("lower")) != 0, hook != EarlyHook::tc);
    }
  watch.stop();
  traffic.stop();
  watch.expect_never_bare();
  traffic.expect_all_of_the_wanted();
  traffic.expect_none_of_the_unwanted();
  loader_->must("detach lower");
  EXPECT_EQ(state(), unattached);
}

// The tag of a program says nothing of its configuration.
TEST_F(UpgradeTest, AnotherConfigurationIsReplaced) {
  loader_->must("attach lower --mode native");
  const std::uint32_t lower = ifindex_of("lower");
  const std::string directory = mirror::status({.bpffs = bpffs_->path()}, "lower")->pin_directory;
  const std::uint32_t other = replace_early_xdp(lower, directory, datapath::embedded_object(),
                                                {.judge_frame_vlan = 1, .sight = datapath::device_sight()});
  ASSERT_EQ(xdp_id(lower), other);
  EXPECT_TRUE(attach(std::nullopt).report.changed);
  EXPECT_NE(xdp_id(lower), other);
  const std::uint32_t now = xdp_id(lower);
  EXPECT_FALSE(attach(std::nullopt).report.changed);
  EXPECT_EQ(xdp_id(lower), now);
}

// Between the two XDP modes, with the early drop at tc as well, and noted nowhere.
TEST_F(UpgradeTest, AModeChangeThatWasKilledIsFinished) {
  const std::string unattached = state();
  loader_->must("attach lower --mode native");
  loader_->must(kSet);
  const auto start = std::chrono::steady_clock::now();
  loader_->must("attach lower --mode generic");
  const auto length = std::chrono::steady_clock::now() - start;
  std::vector<std::string> seen;
  for (int round = 0; round < kKills; ++round) {
    loader_->must("attach lower --mode native");
    loader_->must(kSet);
    Watch watch(ifindex_of("lower"));
    {
      ChildProcess child(loader_->argv({"attach", "lower", "--mode", "generic"}));
      // Early moments more often; the watch, and other tests, take their time of it.
      std::this_thread::sleep_for(length * 5 * round * round / (kKills * kKills));
      child.kill();
    }
    watch.stop();
    watch.expect_never_bare(0);
    seen.push_back(loader_->must("status lower -j"));
    loader_->must("attach lower --mode generic");
    EXPECT_TRUE(loader_->must("status lower -j").contains("\"early_drop\":\"xdp-generic\""));
    EXPECT_FALSE(must_run("tc filter show dev lower ingress 2>/dev/null || :").contains("rxf_early_tc"));
    expect_enforced();
    if (round % 3 == 0) {
      loader_->must("detach lower");
      EXPECT_EQ(state(), unattached);
    }
    if (HasFailure()) return;
  }
  const auto count = [&](const char* hook) {
    return std::count_if(seen.begin(), seen.end(), [&](const std::string& status) {
      return status.contains("\"early_drop\":\"" + std::string(hook) + "\"");
    });
  };
  std::cout << "  killed: " << count("xdp-native") << " still native, " << count("tc") << " at tc, "
            << count("xdp-generic") << " generic\n";
  EXPECT_EQ(count("none"), 0);
  EXPECT_GT(count("xdp-native"), 0);
  EXPECT_GT(count("xdp-generic"), 0);
}

// A mode that cannot be had leaves what is there in force.
TEST_F(UpgradeTest, AnErrorLeavesTheOldOneInForce) {
  // Native XDP on a veth takes as many receive queues as its peer has for sending.
  must_run(
      "ip link del lower && ip link add lower numrxqueues 1 type veth peer name far numtxqueues 2 &&"
      "ethtool -L far tx 2 && ip link set far up && ip link set lower up && ip link add link lower name upper type "
      "macvtap mode passthru &&"
      "ip link set upper up");
  loader_->must("attach lower --mode generic");
  loader_->must(kSet);
  Watch watch(ifindex_of("lower"));
  const CommandResult refused = loader_->run("attach lower --mode native");
  watch.stop();
  EXPECT_EQ(refused.status, 1);
  EXPECT_TRUE(refused.err.contains("attach lower: attach in XDP native mode: ")) << refused.err;
  watch.expect_never_bare();
  EXPECT_TRUE(loader_->must("status lower -j").contains("\"early_drop\":\"xdp-generic\""));
  EXPECT_NE(xdp_id(ifindex_of("lower")), 0U);
  EXPECT_FALSE(must_run("tc filter show dev lower ingress 2>/dev/null || :").contains("rxf_early_tc"));
  EXPECT_EQ(loader_->must("attach lower"), "lower: already attached\n");
  expect_enforced();
}

}  // namespace
}  // namespace rxf::test
