// SPDX-License-Identifier: GPL-2.0-only
// rxfilter-guest beside a real daemon and real uppers, and QEMUs that behave: what is in force follows what is asked
// for, whoever goes and comes back meanwhile.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/command.h"
#include "tests/support/guest_fixture.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

constexpr const char* kPoll = "poll = 1\n";

class GuestFollowTest : public GuestFixture {
 protected:
  static FakeNic wanting_more(unsigned number) {
    FakeNic nic = wanting(number);
    nic.multicast_table.insert(group_address(number + 0x100));
    return nic.on_vlan(static_cast<std::uint16_t>(2000 + number));
  }
};

TEST_F(GuestFollowTest, WhatTheGuestAsksForIsInForce) {
  for (unsigned i = 0; i < 3; ++i) add_guest(i);
  follow();
  for (unsigned i = 0; i < 3; ++i) EXPECT_TRUE(becomes(i, granted_for(wanting(i)))) << i;
  qemu(1).change(wanting_more(1));
  EXPECT_TRUE(becomes(1, granted_for(wanting_more(1))));
  qemu(1).change(wanting(1));
  EXPECT_TRUE(becomes(1, granted_for(wanting(1))));
  for (const unsigned i : {0U, 2U}) EXPECT_EQ(in_force(i), granted_for(wanting(i))) << i;
  EXPECT_TRUE(guests().wait_for("STATUS=3 of 3 guests followed"));
  ASSERT_TRUE(reports(1, "following"));
  const auto found = report(1);
  EXPECT_EQ(found.nic, "net0");
  EXPECT_EQ(found.granted, granted_for(wanting(1)));
  EXPECT_EQ(found.counters.connections, 1U);
  EXPECT_GE(found.counters.changes, 3U);
  EXPECT_EQ(found.counters.garbage, 0U);
  expect_followed("low", "all of it");
}

TEST_F(GuestFollowTest, UntilQemuAnswersOnlyWhatIsSafeComesIn) {
  add_guest(1).die();
  follow();
  EXPECT_TRUE(becomes(1, safe()));
  EXPECT_TRUE(reports(1, "connecting"));
  EXPECT_EQ(guests().logged({"up1: QEMU at ", "No such file"}), 1);
  qemu(1).come_back();
  EXPECT_TRUE(becomes(1, granted_for(wanting(1))));
  EXPECT_EQ(guests().logged({"up1: QEMU at "}), 1);
}

// What a guest that runs already receives is not narrowed for a moment.
TEST_F(GuestFollowTest, AnUnfilteredGuestGetsWhatItAsksForAtOnce) {
  add_guest(1);
  follow();
  EXPECT_TRUE(becomes(1, granted_for(wanting(1))));
  EXPECT_TRUE(reports(1, "following"));
  EXPECT_EQ(report(1).counters.changes, 1U);
}

TEST_F(GuestFollowTest, AQemuThatHangsLeavesOnlyWhatIsSafe) {
  add_guest(1).greet(std::nullopt);
  follow();
  EXPECT_TRUE(becomes(1, safe(), std::chrono::seconds(4))) << "before the connection is given up";
}

TEST_F(GuestFollowTest, AFilterSetThatIsThereStaysUntilQemuAnswers) {
  add_guest(1).die();
  set_by_hand(1, filter(7));
  follow();
  EXPECT_EQ(in_force(1), filter(7));
  qemu(1).come_back();
  EXPECT_TRUE(becomes(1, granted_for(wanting(1))));
}

TEST_F(GuestFollowTest, AResetGuestGetsWhatIsSafe) {
  add_guest(1);
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  qemu(1).reset();
  EXPECT_TRUE(becomes(1, safe()));
  EXPECT_TRUE(reports(1, "silent"));
  qemu(1).change(wanting(1));
  EXPECT_TRUE(becomes(1, granted_for(wanting(1))));
}

// What its driver said before the reset is forgotten: promiscuous is how the reset leaves a NIC, nobody asks for it.
// When QEMU is asked, the next driver has already negotiated.
TEST_F(GuestFollowTest, AResetGuestIsNotTakenForPromiscuous) {
  add_guest(1, "promisc = \"allow\"\n");
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  qemu(1).change(wanting_more(1));
  ASSERT_TRUE(becomes(1, granted_for(wanting_more(1))));
  FakeNic probed = FakeNic::reset(upper_address(1));
  probed.vlan = "none";
  probed.vlan_table.clear();
  qemu(1).change_silently(probed);
  qemu(1).event("RESET");
  EXPECT_TRUE(becomes(1, safe()));
  FakeNic promiscuous = wanting(1);
  promiscuous.promiscuous = true;
  qemu(1).change(promiscuous);
  EXPECT_TRUE(eventually([&] { return in_force(1).addresses->flags.promisc; })) << "but when it asks, it may";
}

TEST_F(GuestFollowTest, WhatQemuDoesNotAnnounceIsFoundByThePoll) {
  add_guest(1, kPoll);
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  qemu(1).change_silently(wanting_more(1));
  EXPECT_TRUE(becomes(1, granted_for(wanting_more(1))));
}

TEST_F(GuestFollowTest, QemuDiesAndComesBack) {
  for (unsigned i = 0; i < 2; ++i) add_guest(i);
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  qemu(1).die();
  EXPECT_TRUE(reports(1, "connecting"));
  EXPECT_EQ(in_force(1), granted_for(wanting(1)));
  EXPECT_EQ(guests().logged({"up1: QEMU at ", "closed the connection"}), 1);
  qemu(0).change(wanting_more(0));
  EXPECT_TRUE(becomes(0, granted_for(wanting_more(0))));
  qemu(1).change(wanting_more(1));
  qemu(1).come_back();
  EXPECT_TRUE(becomes(1, granted_for(wanting_more(1))));
  EXPECT_TRUE(reports(1, "following"));
  EXPECT_EQ(report(1).counters.connections, 2U);
}

TEST_F(GuestFollowTest, TheDaemonGoesAndComesBack) {
  add_guest(1);
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  daemon().kill();
  qemu(1).change(wanting_more(1));
  EXPECT_TRUE(reports(1, "no-daemon"));
  start({"--attach", "low"});
  EXPECT_TRUE(becomes(1, granted_for(wanting_more(1))));
  EXPECT_TRUE(reports(1, "following"));
  EXPECT_EQ(guests().logged({"up1: API socket"}), 1) << guests().log();
}

TEST_F(GuestFollowTest, ADaemonThatHangsIsGivenUpAndTriedAgain) {
  add_guest(1);
  follow({.environment = {"WATCHDOG_USEC=8000000"}});
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  daemon().signal(SIGSTOP);
  qemu(1).change(wanting_more(1));
  EXPECT_TRUE(reports(1, "no-daemon"));
  EXPECT_EQ(report(1).counters.garbage, 0U);
  EXPECT_EQ(qemu(1).connections(), 1U) << "QEMU is not taken for one that hangs";
  daemon().signal(SIGCONT);
  EXPECT_TRUE(becomes(1, granted_for(wanting_more(1))));
}

// What the daemon refuses may be possible later.
TEST_F(GuestFollowTest, ALowerDeviceMayBeAttachedLater) {
  start();
  ASSERT_EQ(loader("detach low").status, 0);
  add_guest(1);
  follow();
  EXPECT_TRUE(reports(1, "refused"));
  EXPECT_TRUE(report(1).why.contains("not attached")) << report(1).why;
  ASSERT_EQ(loader("attach low").status, 0);
  EXPECT_TRUE(becomes(1, granted_for(wanting(1))));
}

TEST_F(GuestFollowTest, ItStartsBeforeTheDaemon) {
  add_guest(1);
  daemon().kill();
  follow();
  EXPECT_TRUE(reports(1, "no-daemon"));
  start({"--attach", "low"});
  EXPECT_TRUE(becomes(1, granted_for(wanting(1))));
}

TEST_F(GuestFollowTest, WhatSomebodyElseChangesIsProgrammedAgain) {
  add_guest(1, kPoll);
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  for (const FilterSet& other : {FilterSet{}, filter(7)}) {
    set_by_hand(1, other);
    EXPECT_TRUE(becomes(1, granted_for(wanting(1))));
  }
  EXPECT_EQ(guests().logged({"up1: somebody else has changed"}), 2);
}

TEST_F(GuestFollowTest, AnUpperThatComesLateOrAgainIsFilteredAtOnce) {
  add_guest(1);
  must_run("ip link del up1");
  follow();
  EXPECT_TRUE(reports(1, "no-device"));
  for (int i = 0; i < 2; ++i) {
    make_upper("low", "up1", upper_address(1));
    EXPECT_TRUE(becomes(1, granted_for(wanting(1)))) << i;
    must_run("ip link del up1");
  }
  EXPECT_TRUE(logs({"up1: no such device"}));
}

TEST_F(GuestFollowTest, AnotherDeviceOfThatNameIsAnotherGuests) {
  add_guest(1);
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  qemu(1).die();
  must_run("ip link del up1");
  make_upper("low", "up1", upper_address(1));
  EXPECT_TRUE(becomes(1, safe()));
  qemu(1).change(wanting_more(1));
  qemu(1).come_back();
  EXPECT_TRUE(becomes(1, granted_for(wanting_more(1))));
}

TEST_F(GuestFollowTest, WhatIsRefusedIsOnRecord) {
  add_guest(1, "vlans = \"2\"\n");
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  FakeNic nic = wanting(1);
  nic.on_vlan(77);
  const auto refusals = [&](std::size_t standing, std::uint64_t counted) {
    auto found = report(1);
    return found.refusals.size() == standing && found.counters.refused[guest::RefusalKind::vlan] == counted;
  };
  for (std::uint64_t i = 1; i < 3; ++i) {
    qemu(1).change(nic);
    EXPECT_TRUE(eventually([&] { return refusals(1, i); }));
    qemu(1).change(wanting(1));
    EXPECT_TRUE(eventually([&] { return refusals(0, i); }));
  }
  EXPECT_EQ(in_force(1), granted_for(wanting(1)));
  EXPECT_EQ(guests().logged({"up1: ", "VLAN 77", "not in the list of the policy"}), 1) << guests().log();
}

TEST_F(GuestFollowTest, TheConfiguredAddressIsGrantedAndAnotherOneIsNot) {
  add_guest(1, "mac = \"" + to_string(other_address(1)) + "\"\n");
  FakeNic nic = wanting(1);
  nic.main_mac = other_address(1);
  qemu(1).change_silently(nic);
  follow();
  FilterSet granted = granted_for(nic);
  granted.addresses->unicast = {other_address(1)};
  EXPECT_TRUE(becomes(1, granted));
  nic.main_mac = other_address(2);
  qemu(1).change(nic);
  EXPECT_TRUE(logs({"up1: main-mac 02:bb:00:00:00:02 refused"}));
  EXPECT_EQ(in_force(1), granted);
}

// Another upper's and the host's own addresses are nobody's to ask for.
TEST_F(GuestFollowTest, WhatSomebodyHereHasIsNotGranted) {
  add_guest(1, "unicast = \"any\"\n");
  add_guest(2);
  FilterSet others = granted_for(wanting(2));
  others.addresses->unicast = {other_address(9)};
  make_upper("low", "by-hand", upper_address(3));
  must_run("ip link add host0 address 02:cc:00:00:00:01 type veth peer name host1");
  set_by_hand(2, others);
  remove_settings(2);
  follow();
  FakeNic nic = wanting(1);
  nic.unicast_table = {other_address(1), other_address(9), upper_address(2), upper_address(3),
                       must(MacAddress::parse("02:cc:00:00:00:01"))};
  qemu(1).change(nic);
  FilterSet granted = granted_for(nic);
  granted.addresses->unicast = {other_address(1)};
  EXPECT_TRUE(becomes(1, granted));
  for (const char* line : {"02:bb:00:00:00:09 refused: up2 has it", "02:aa:00:00:00:02 refused: up2 has it",
                           "02:aa:00:00:00:03 refused: by-hand has it", "02:cc:00:00:00:01 refused: host0 has it"})
    EXPECT_TRUE(logs({"up1: unicast ", line})) << line << "\n" << guests().log();
}

// An upper in another network namespace: only the daemon knows, by the lower device's list.
TEST_F(GuestFollowTest, WhatSomebodyUnseenHasIsLeftOut) {
  add_guest(1, "unicast = \"any\"\n");
  must_run("ip link add link low name hidden address " + to_string(other_address(2)) + " type macvlan mode bridge && " +
           "ip link set hidden netns /proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(elsewhere_->fd()));
  {
    const NamespaceSwitch there(elsewhere_->fd());
    must_run("ip link set hidden up");
  }
  follow();
  FakeNic nic = wanting(1);
  nic.unicast_table = {other_address(1), other_address(2), other_address(3)};
  qemu(1).change(nic);
  FilterSet granted = granted_for(nic);
  granted.addresses->unicast = {other_address(1), other_address(3)};
  EXPECT_TRUE(becomes(1, granted));
  EXPECT_TRUE(logs({"up1: unicast 02:bb:00:00:00:02 refused: "}));
  nic.on_vlan(99);
  qemu(1).change(nic);
  granted.vlans->insert(99);
  EXPECT_TRUE(becomes(1, granted));
  EXPECT_EQ(guests().logged({"02:bb:00:00:00:02"}), 1) << guests().log();
}

TEST_F(GuestFollowTest, ShadowProgramsNothing) {
  add_guest(1, "shadow = true\nvlans = \"none\"\n");
  follow();
  EXPECT_TRUE(reports(1, "following"));
  EXPECT_TRUE(logs({"up1: ", "VLAN 2"}));
  const auto found = report(1);
  FilterSet granted = granted_for(wanting(1));
  granted.vlans = VlanSet{};
  EXPECT_EQ(found.granted, granted);
  EXPECT_TRUE(found.shadow);
  EXPECT_EQ(in_force(1), FilterSet{});
}

TEST_F(GuestFollowTest, AProfileIsForWhoCannotBeAsked) {
  std::ofstream(directory_->file("profile.json"))
      << R"({"flags": ["broadcast"], "unicast": [], "multicast": [], "vlans": "5"})";
  add_guest(1, "profile = \"" + directory_->file("profile.json") + "\"\n");
  add_guest(2);
  const std::string cannot = R"({"error": {"class": "GenericError", "desc": "net client(e1000) doesn't support )"
                             R"(rx-filter querying"}, "id": @ID})"
                             "\n";
  for (const unsigned i : {1U, 2U}) qemu(i).reply("query-rx-filter", cannot);
  follow();
  FilterSet profile{.addresses = AddressFilter{.flags = {.broadcast = true}}, .vlans = VlanSet{}};
  profile.vlans->insert(5);
  EXPECT_TRUE(becomes(1, profile));
  EXPECT_TRUE(reports(1, "profile"));
  EXPECT_TRUE(reports(2, "silent"));
  EXPECT_EQ(in_force(2), safe());
  EXPECT_TRUE(report(2).why.contains("doesn't support")) << report(2).why;
}

TEST_F(GuestFollowTest, SighupReadsTheFilesAgain) {
  for (unsigned i = 1; i < 4; ++i) add_guest(i);
  remove_settings(3);
  follow();
  for (const unsigned i : {1U, 2U}) ASSERT_TRUE(becomes(i, granted_for(wanting(i))));
  write_settings(1, "vlans = \"none\"\n");
  remove_settings(2);
  write_settings(3, "");
  ASSERT_TRUE(reload());
  FilterSet untagged = granted_for(wanting(1));
  untagged.vlans = VlanSet{};
  EXPECT_EQ(in_force(1), untagged) << "the policy is judged by at once";
  EXPECT_EQ(qemu(1).connections(), 1U);
  EXPECT_TRUE(becomes(3, granted_for(wanting(3))));
  qemu(2).change(wanting_more(2));
  EXPECT_EQ(guests().report("up2"), std::nullopt);
  EXPECT_EQ(in_force(2), granted_for(wanting(2)));
}

TEST_F(GuestFollowTest, ABadFileIsLoggedAndChangesNothing) {
  for (unsigned i = 1; i < 3; ++i) add_guest(i);
  follow();
  for (const unsigned i : {1U, 2U}) ASSERT_TRUE(becomes(i, granted_for(wanting(i))));
  remove_settings(2);
  write_settings(1, "no-such-key = 1\n");
  ASSERT_TRUE(reload());
  EXPECT_EQ(guests().logged({"not reloaded: "}), 1);
  for (const unsigned i : {1U, 2U}) {
    qemu(i).change(wanting_more(i));
    EXPECT_TRUE(becomes(i, granted_for(wanting_more(i)))) << i;
  }
}

TEST_F(GuestFollowTest, SigtermLeavesTheFilterInForce) {
  add_guest(1);
  follow();
  ASSERT_TRUE(becomes(1, granted_for(wanting(1))));
  guests().signal(SIGTERM);
  EXPECT_EQ(guests().wait(), 0);
  EXPECT_EQ(in_force(1), granted_for(wanting(1)));
}

TEST_F(GuestFollowTest, OneProcessAnUpper) {
  add_guest(1);
  follow();
  GuestProcess second(api(), directory_->path(), {.arguments = {directory_->file("conf")}});
  EXPECT_EQ(second.wait(), 1);
  EXPECT_TRUE(second.log().contains("another process follows it already")) << second.log();
}

// As systemd has it run: no user of its own, no capability, the group of the API socket.
TEST_F(GuestFollowTest, ItNeedsNoPrivilege) {
  constexpr const char* kSetpriv = "/usr/bin/setpriv";
  constexpr const char* kNobody = "65534";
  if (::access(kSetpriv, X_OK) != 0) GTEST_SKIP() << "no " << kSetpriv << " here";
  start({"--attach", "low", "--group", kNobody, "--allow", "up1=" + std::string(kNobody)});
  add_guest(1);
  add_guest(2);
  std::filesystem::permissions(directory_->path(), std::filesystem::perms(0777));
  std::filesystem::permissions(directory_->file("conf"), std::filesystem::perms(0755));
  for (const unsigned i : {1U, 2U}) std::filesystem::permissions(qemu(i).path(), std::filesystem::perms(0777));
  follow({.launcher = {kSetpriv, "--reuid", kNobody, "--regid", kNobody, "--clear-groups", "--bounding-set", "-all",
                       "--inh-caps", "-all", "--no-new-privs"}});
  EXPECT_TRUE(becomes(1, granted_for(wanting(1))));
  qemu(1).change(wanting_more(1));
  EXPECT_TRUE(becomes(1, granted_for(wanting_more(1))));
  EXPECT_TRUE(reports(2, "refused")) << "not given to it by --allow";
  EXPECT_EQ(in_force(2), FilterSet{});
  EXPECT_EQ(must_run("grep CapEff /proc/" + std::to_string(guests().pid()) + "/status"), "CapEff:\t0000000000000000\n");
}

}  // namespace
}  // namespace rxf::test
