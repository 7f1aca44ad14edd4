// SPDX-License-Identifier: GPL-2.0-only
// The daemon is killed at any moment, while frames flow and filter sets are replaced through it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "loader/daemon/api_client.h"
#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/enforcement.h"
#include "tests/support/live_traffic.h"
#include "tests/support/must.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using Clock = std::chrono::steady_clock;

// Each has what LiveTraffic wants, and differs from the next in all the rest.
FilterSet variant(unsigned number) {
  const auto low = static_cast<std::uint8_t>(number % 7);
  FilterSet filter;
  filter.addresses = AddressFilter{.flags = {.broadcast = number % 2 == 0, .multicast = true},
                                   .unicast = {LiveTraffic::kUnicast},
                                   .multicast = {LiveTraffic::kGroup}};
  for (std::uint8_t i = 0; i < 10 + number % 50; ++i) {
    filter.addresses->unicast.insert({{0x02, 0xdd, low, 0, 0, i}});
    filter.addresses->multicast.insert({{0x01, 0x00, 0x5e, low, 0, i}});
  }
  filter.vlans.emplace();
  filter.vlans->insert(LiveTraffic::kVlan);
  filter.vlans->insert(static_cast<std::uint16_t>(100 + number % 11));
  return filter;
}

// Replaces the filter set of `upper` through whatever daemon there is, one after another.
class Setter {
 public:
  explicit Setter(std::string api) : api_(std::move(api)), thread_([this] { work(); }) {}
  ~Setter() { stop(); }
  Setter(const Setter&) = delete;
  Setter& operator=(const Setter&) = delete;

  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] unsigned done() const { return done_; }
  [[nodiscard]] unsigned cut() const { return cut_; }
  [[nodiscard]] const std::string& refused() const { return refused_; }

 private:
  void work() {
    for (unsigned number = 0; !stopping_;) {
      auto client = daemon::ApiClient::connect(api_);
      if (!client) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      while (client && !stopping_) {
        const auto set = client->set({.name = "upper"}, exactly(variant(++number)));
        set ? ++done_ : ++cut_;
        if (set) continue;
        if (set.error().code != ECONNRESET && set.error().code != EPIPE) refused_ = set.error().text;
        break;
      }
    }
  }

  std::string api_;
  std::atomic<bool> stopping_ = false;
  std::atomic<unsigned> done_ = 0;
  std::atomic<unsigned> cut_ = 0;
  std::string refused_;  // why a set failed, but for the end of the daemon
  std::thread thread_;
};

class DaemonCrashTest : public DaemonFixture {
 protected:
  void start_without_waiting() {
    daemon_.reset();
    daemon_.emplace(bpffs_->path(), directory_->path());
  }

  // Half of the time while it starts, half of the time while it serves.
  void kill_one(bool in_service) {
    constexpr double kStartMs = 60;
    constexpr double kServiceMs = 40;
    start_without_waiting();
    EXPECT_TRUE(!in_service || daemon().wait_for("READY=1")) << daemon().log();
    const double drawn = std::uniform_real_distribution<double>(0, in_service ? kServiceMs : kStartMs)(random_);
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(drawn));
    daemon().kill();
  }

  std::mt19937 random_{1};
};

TEST_F(DaemonCrashTest, NothingIsLostOrLeakedAndTheNextOneFinishes) {
  const char* asked = std::getenv("RXF_DAEMON_KILLS");
  const int kills = asked == nullptr ? 40 : std::atoi(asked);
  const Topology topology(Uppers::passthru);
  must_run("ip link set upper txqueuelen 4096");
  (void)must(mirror::attach({.bpffs = bpffs_->path()}, "lower", {}));
  set("upper", variant(0));

  LiveTraffic traffic;
  Setter setter(api());
  int unfinished = 0;
  for (int round = 0; round < kills && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    kill_one(round % 2 == 0);
    if (!enforcement_problems(bpffs_->path(), "lower").empty()) ++unfinished;
    if (round % 10 != 9) continue;
    start();
    expect_followed("lower", "after the next start");
  }
  start();
  setter.stop();
  expect_followed("lower", "in the end");
  traffic.stop();
  traffic.expect_all_of_the_wanted();
  traffic.expect_none_of_the_unwanted();
  EXPECT_EQ(setter.refused(), "");
  EXPECT_GT(setter.done(), 0U);
  EXPECT_GT(unfinished, 0) << "none was killed in the middle";
  std::cout << "  " << kills << " daemons killed, " << unfinished << " in the middle of a change; " << setter.done()
            << " sets answered, " << setter.cut() << " cut off\n";
}

}  // namespace
}  // namespace rxf::test
