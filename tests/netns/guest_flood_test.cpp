// SPDX-License-Identifier: GPL-2.0-only
// A guest, or its QEMU, that does more than can be kept up with is slowed: not the process, the daemon or other guests.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iostream>
#include <thread>

#include "loader/daemon/api_client.h"
#include "tests/support/guest_fixture.h"
#include "tests/support/must.h"
#include "tools/guest/qmp_connection.h"

namespace rxf::test {
namespace {

using Clock = std::chrono::steady_clock;

// User and system time of a process (proc(5)).
std::chrono::milliseconds cpu_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string field;
  std::uint64_t ticks = 0;
  for (int i = 1; i <= 15 && file >> field; ++i)
    if (i >= 14) ticks += std::stoull(field);
  return std::chrono::milliseconds(ticks * 1000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
}

std::uint64_t memory_kb(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6));
  return 0;
}

struct Load {
  std::chrono::duration<double> time{};  // that it went on
  double guests_cpu = 0;                 // share of one CPU
  double daemon_cpu = 0;
  std::chrono::milliseconds slowest_change{0};  // of guest 0
  std::chrono::milliseconds slowest_get{0};     // of another client of the daemon
};

class GuestFloodTest : public GuestFixture {
 protected:
  static constexpr std::chrono::seconds kTime{3};

  // What everybody else sees while `flood` is called again and again.
  Load under(const std::function<void()>& flood) {
    std::atomic<bool> over = false;
    std::thread busy([&] {
      while (!over) flood();
    });
    const auto begun = Clock::now();
    const auto guests_before = cpu_time(guests().pid());
    const auto daemon_before = cpu_time(daemon().pid());
    Load load;
    for (bool more = true; Clock::now() < begun + kTime; more = !more) look(load, more);
    const auto time = std::chrono::duration<double>(Clock::now() - begun);
    over = true;
    busy.join();
    load.time = time;
    load.guests_cpu = (cpu_time(guests().pid()) - guests_before) / time;
    load.daemon_cpu = (cpu_time(daemon().pid()) - daemon_before) / time;
    return load;
  }

  void look(Load& load, bool more) {
    FakeNic nic = wanting(0);
    if (more) nic.on_vlan(3000);
    auto begun = Clock::now();
    qemu(0).change(nic);
    EXPECT_TRUE(becomes(0, granted_for(nic)));
    load.slowest_change =
        std::max(load.slowest_change, std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - begun));
    begun = Clock::now();
    (void)in_force(0);
    load.slowest_get = std::max(load.slowest_get, std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - begun));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }

  // `most_cpu`: of rxfilter-guest.
  void expect_bounded(const std::string& what, const Load& load, double most_cpu) {
    std::cout << "  " << what << ": rxfilter-guest " << static_cast<int>(100 * load.guests_cpu)
              << " % of a CPU, the daemon " << static_cast<int>(100 * load.daemon_cpu) << " %; another guest's change "
              << load.slowest_change.count() << " ms at most, another client's get " << load.slowest_get.count()
              << " ms; " << memory_kb(guests().pid()) / 1024 << " MB at most\n";
    EXPECT_LT(load.guests_cpu, most_cpu);
    EXPECT_LT(load.daemon_cpu, 0.5);
    EXPECT_LT(load.slowest_change, guest::QmpConnection::kPatience) << "somebody was waited for";
    EXPECT_LT(load.slowest_get, guest::QmpConnection::kPatience) << "somebody was waited for";
    EXPECT_LT(memory_kb(guests().pid()), 100'000U);
  }
};

// By turns another VLAN and group each time, for kTime and then no more: the last one is what counts. A slow machine
// comes to less than ten thousand a second.
TEST_F(GuestFloodTest, TenThousandChangesASecond) {
  constexpr unsigned kAtOnce = 20;
  constexpr std::chrono::milliseconds kBetween{2};
  constexpr unsigned kASecond = 10;
  add_guest(0, "changes = 1000\n");
  add_guest(1, "changes = " + std::to_string(kASecond) + "\n");
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  const auto before = report(1);
  const unsigned queries = qemu(1).queries();
  unsigned changes = 0;
  FakeNic nic;
  const Load load = under([&] {
    const auto next = Clock::now() + kBetween;
    for (unsigned i = 0; i < kAtOnce; ++i) {
      nic = wanting(++changes);
      nic.main_mac = upper_address(1);
      qemu(1).change(nic);
    }
    std::this_thread::sleep_until(next);
  });
  expect_bounded(std::to_string(static_cast<unsigned>(changes / load.time.count())) + " changes a second", load, 0.5);
  EXPECT_GT(changes, 5'000U);
  const auto most = kASecond * (2 + static_cast<unsigned>(load.time.count()) + 2);  // a burst of 2 s before
  EXPECT_LE(qemu(1).queries() - queries, most);
  EXPECT_TRUE(becomes(1, granted_for(nic)));
  EXPECT_TRUE(eventually([&] { return report(1).counters.delayed > before.counters.delayed; }));
  const auto after = report(1);
  EXPECT_LE(after.counters.changes - before.counters.changes, after.counters.queries - before.counters.queries);
  std::cout << "  " << after.counters.queries - before.counters.queries << " queries, "
            << after.counters.changes - before.counters.changes << " filter sets programmed, "
            << after.counters.delayed - before.counters.delayed << " queries put off\n";
}

// A QEMU that keeps no promise: it speaks all the time, asked or not.
TEST_F(GuestFloodTest, AQemuThatNeverStopsTalking) {
  add_guest(0, "changes = 1000\n");
  add_guest(1);
  add_guest(2);
  follow();
  for (const unsigned i : {0U, 1U, 2U}) ASSERT_TRUE(becomes(i, granted_for(wanting(i))));
  std::string events;
  for (int i = 0; i < 500; ++i)
    events += R"({"event": "NIC_RX_FILTER_CHANGED", "data": {"name": "net0", "path": "/"}, "timestamp": {}})"
              "\r\n";
  const std::string nonsense(1 << 16, '\n');
  std::string lies;
  for (int i = 0; i < 2000; ++i) lies += R"({"return": )" + std::to_string(i) + "}\n";
  const Load load = under([&] {
    qemu(1).send_if_read(events);
    qemu(2).send_if_read(lies);
    qemu(2).send_if_read(nonsense);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  expect_bounded("two QEMUs that never stop", load, 0.9);
  EXPECT_LE(guests().logged({"up1: "}), 1);
  EXPECT_LE(guests().logged({"up2: "}), 2);
}

}  // namespace
}  // namespace rxf::test
