// SPDX-License-Identifier: GPL-2.0-only
// What a real guest does to its NIC, one row each, and what the host then lets through to it: PASSTHRU.
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <vector>

#include "tests/e2e/guest_host.h"
#include "tests/e2e/guest_needs.h"

namespace rxf::test {
namespace {

using Link = GuestHost::Link;

const std::string kFurtherAllowed = "unicast = 02:bb:00\n";
const std::string kPolicy = kFurtherAllowed + GuestHost::kAtOnce;
const std::string kPolicyWithPromisc = kPolicy + "promisc = allow\n";
// A driver that lets go of its device says so before it resets it, and no more.
const std::string kPolicyAndPoll = kFurtherAllowed + "changes = 100\npoll = 1\n";

constexpr const char* kLoadVlans = "sh [ -e /proc/net/vlan ] || insmod /lib/modules/8021q.ko";
constexpr const char* kListen = "sh tcpdump -Z root -n -i eth0 -w /dev/null >/dev/null 2>&1 &";
const Names kOnVlan = {"own.42", "broadcast.42", "all-hosts.42"};
// Its driver has not spoken since the last reset.
const Names kSilent = kPlain + kAllMulticast;

class GuestChangesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!why_no_e2e_tests().empty()) return;
    host_ = std::make_unique<GuestHost>(Uppers::passthru);
    guest_ = &host_->add("upper", kPolicy);
    host_->follow();
    guest_->machine->wait_until_booted();
    host_->bring_up(*guest_);
  }
  static void TearDownTestSuite() { host_.reset(); }

  void SetUp() override {
    if (const std::string why = why_no_e2e_tests(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_NE(guest_, nullptr) << "no guest";
  }
  void TearDown() override {
    if (!HasFailure() || host_ == nullptr) return;
    std::cerr << host_->logs();
    // The next one may well work all the same.
    for (const char* command : {"novlan eth0.42", "sh ip link del more", "sh killall tcpdump"})
      (void)guest_->machine->control().ask(command);
    set_policy(kPolicy);
  }

  static void set_policy(const std::string& settings) {
    host_->change_settings(*guest_, settings);
    host_->follow();
  }

  static void in_guest(const std::vector<std::string>& commands) {
    for (const std::string& command : commands) guest_->machine->must(command);
  }

  void expect_after(const std::string& step, const std::vector<std::string>& commands, const Names& wanted,
                    Link link = Link::up) {
    host_->expect_after(
        *guest_, step, [&] { in_guest(commands); }, wanted, link);
  }
  void expect_after_work(const std::string& step, const std::function<void()>& work, const Names& wanted,
                         Link link = Link::up) {
    host_->expect_after(*guest_, step, work, wanted, link);
  }

  // Silent until its driver has been set up again, and then as it is without wishes.
  void expect_silent_after(const std::string& step, const std::function<void()>& work) {
    expect_after_work(step, work, kSilent, Link::away);
    host_->bring_up(*guest_);
    expect_after(step + ", and up again", {}, kPlain);
  }

  static inline std::unique_ptr<GuestHost> host_;
  static inline GuestHost::Guest* guest_ = nullptr;
};

struct Row {
  const char* name;
  std::vector<std::string> commands;
  Names wanted;
  std::vector<std::string> undo;
  Link link = Link::up;
  const char* refused = nullptr;  // kind of what `status` says was refused; nothing else may be
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

const std::vector<Row> kRows = {
    {"Nothing", {}, kPlain, {}},
    {"VlanModule", {kLoadVlans}, kPlain, {}},
    {"Vlan", {kLoadVlans, "vlan eth0 42", "sh ip link set eth0.42 up"}, kPlain + kOnVlan, {"novlan eth0.42"}},
    {"Group", {"join eth0 01:00:5e:01:02:03 1"}, kPlain + Names{"group"}, {"leave eth0 01:00:5e:01:02:03 1"}},
    {"GroupOfIp",
     {"sh ip addr add 239.1.2.3/32 dev eth0 autojoin"},
     kPlain + Names{"group"},
     {"sh ip addr del 239.1.2.3/32 dev eth0"}},
    {"FurtherAddress",
     {"sh ip link add link eth0 name more address 02:bb:00:00:00:01 type macvlan mode bridge",
      "sh ip link set more up"},
     kPlain + Names{"further"},
     {"sh ip link del more"}},
    {"ForbiddenAddress",
     {"sh ip link add link eth0 name more address 02:dd:00:00:00:01 type macvlan mode bridge",
      "sh ip link set more up"},
     kPlain,
     {"sh ip link del more"},
     Link::up,
     "unicast"},
    {"AllOfThem",
     {kLoadVlans, "vlan eth0 42", "join eth0 01:00:5e:01:02:03 1",
      "sh ip link add link eth0 name more address 02:bb:00:00:00:01 type macvlan mode bridge",
      "sh ip link set more up"},
     kPlain + kOnVlan + Names{"group", "group.42", "further", "further.42"},
     {"sh ip link del more", "leave eth0 01:00:5e:01:02:03 1", "novlan eth0.42"}},
    {"SeventyGroups", {"join eth0 01:00:5e:7f:00:01 70"}, kPlain + kAllMulticast, {"leave eth0 01:00:5e:7f:00:01 70"}},
    {"AllMulticast",
     {"sh ip link set eth0 allmulticast on"},
     kPlain + kAllMulticast,
     {"sh ip link set eth0 allmulticast off"}},
    {"Promiscuous", {kListen}, kPlain + kAllMulticast, {"sh killall tcpdump"}, Link::up, "promisc"},
    // It then takes only what comes to that one, and that does not come.
    {"AnotherMainAddress",
     {"sh ip link set eth0 address 02:dd:00:00:00:01"},
     kPlain,
     {"sh ip link set eth0 address 02:aa:00:00:00:01"},
     Link::away,
     "main-mac"},
};

class GuestRowsTest : public GuestChangesTest, public testing::WithParamInterface<Row> {
 protected:
  // What of the last judgement was refused.
  static Names refused() {
    Names kinds;
    for (const guest::Refusal& refusal : host_->report(*guest_).refusals) kinds.insert(guest::to_string(refusal.kind));
    return kinds;
  }
  static void expect_refused(const Names& wanted) {
    EXPECT_TRUE(GuestHost::eventually([&] { return refused() == wanted; })) << testing::PrintToString(refused());
  }
};

TEST_P(GuestRowsTest, IsFollowedThereAndBack) {
  const Row& row = GetParam();
  expect_after(row.name, row.commands, row.wanted, row.link);
  expect_refused(row.refused != nullptr ? Names{row.refused} : Names{});
  if (row.undo.empty()) return;
  expect_after(std::string(row.name) + " undone", row.undo, kPlain, row.link);
  expect_refused({});
}

INSTANTIATE_TEST_SUITE_P(Rows, GuestRowsTest, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(GuestChangesTest, PromiscuousWhereItMay) {
  Names all;
  for (const Probe& probe : guest_->probes) all.insert(probe.name);
  set_policy(kPolicyWithPromisc);
  expect_after("promiscuous, allowed", {kListen}, all);
  expect_after_work(
      "allowed no longer", [] { set_policy(kPolicy); }, kPlain + kAllMulticast);
  expect_after("not promiscuous", {"sh killall tcpdump"}, kPlain);
}

// What a guest had before must not come to the one after it.
const std::vector<std::string> kWishes = {kLoadVlans, "vlan eth0 42", "join eth0 01:00:5e:01:02:03 1"};
const Names kWished = kPlain + kOnVlan + Names{"group", "group.42"};

TEST_F(GuestChangesTest, DriverUnboundAndBound) {
  set_policy(kPolicyAndPoll);
  expect_after("before the driver lets go", kWishes, kWished);
  const std::string driver = "sh cd /sys/bus/virtio/drivers/virtio_net; ";
  expect_after("driver unbound", {driver + "for device in virtio*; do echo $device >unbind; done"}, kSilent,
               Link::away);
  // The name of the device that it had: the only one without a driver.
  expect_silent_after("driver bound", [&] {
    in_guest(
        {"sh cd /sys/bus/virtio/devices; for d in *; do [ -e $d/driver ] ||"
         " echo $d >../drivers/virtio_net/bind || true; done; [ -e /sys/class/net/eth0 ]"});
  });
  set_policy(kPolicy);
}

TEST_F(GuestChangesTest, Reboot) {
  expect_after("before the reboot", kWishes, kWished);
  expect_silent_after("rebooted", [&] {
    guest_->machine->control().tell("sh reboot -f");
    guest_->machine->wait_until_booted();
  });
}

TEST_F(GuestChangesTest, Reset) {
  expect_after("before the reset", kWishes, kWished);
  expect_after_work(
      "reset", [&] { (void)guest_->machine->monitor().ask("system_reset"); }, kSilent, Link::away);
  expect_silent_after("booted after a reset", [&] { guest_->machine->wait_until_booted(); });
}

}  // namespace
}  // namespace rxf::test
