// SPDX-License-Identifier: GPL-2.0-only
// Devices that are renamed, deleted, made anew and moved: what was programmed stays with its device, and a stranger
// that has got its name or ifindex inherits nothing.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "tests/support/command.h"
#include "tests/support/enforcement.h"
#include "tests/support/foreign_programs.h"
#include "tests/support/host_state.h"
#include "tests/support/passthru_fixture.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSet = "set upper --unicast 02:bb:00:00:00:01 --multicast none --vlan 42";
class IdentityTest : public PassthruFixture {
 protected:
  std::string must(const std::string& arguments) { return loader_->must(arguments); }
  std::string state() { return host_state(bpffs_->path()); }

  // Standard output and error of a command that ends with that status.
  std::string said(const std::string& arguments, int status) {
    const CommandResult result = loader_->run(arguments);
    EXPECT_EQ(result.status, status) << arguments << ": " << result.out << result.err;
    return result.out + result.err;
  }
  void expect_said(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) EXPECT_TRUE(text.contains(part)) << part << "\nin: " << text;
  }
  void expect_enforced(const std::string& lower) {
    EXPECT_EQ(enforcement_problems(bpffs_->path(), lower), std::vector<std::string>{});
  }

  // Names of pin directories, without the namespace.
  std::vector<std::string> pinned() {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(bpffs_->path() + "/rxfilter", none)) {
      const std::string name = entry.path().filename();
      names.push_back(name.substr(0, name.find('@')));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  static void rename(const std::string& from, const std::string& to) {
    must_run("ip link set " + from + " down && ip link set " + from + " name " + to + " && ip link set " + to + " up");
  }

  // `lower` with its upper anew, with those arguments of `ip link add` for each.
  static void make_again(const std::string& lower_arguments, const std::string& upper_arguments) {
    must_run("ip link del lower");
    must_run("ip link add lower " + lower_arguments +
             " type veth peer name far && ip link set far up && ip link set lower up && ip link add link lower name "
             "upper " +
             upper_arguments + " type macvtap mode passthru && ip link set upper up");
  }

  using Names = std::vector<std::string>;
};

// Renamed

TEST_F(IdentityTest, ARenamedDeviceIsFoundByEveryVerb) {
  must("attach lower");
  must(kSet);
  rename("lower", "renamed");
  EXPECT_EQ(must("status renamed").substr(0, 9), "renamed: ");
  EXPECT_EQ(must("status").substr(0, 9), "renamed: ");
  expect_said(must("get upper"), {"vlans 42"});
  must("set upper --vlan +43");
  expect_said(must("get upper"), {"vlans 42-43"});
  expect_enforced("renamed");
  EXPECT_EQ(pinned(), Names{"lower"});
  expect_said(said("detach lower", 1), {"in use by renamed", "rxfilter-loader detach renamed"});

  must("attach renamed");
  EXPECT_EQ(pinned(), Names{"renamed"});
  EXPECT_FALSE(must("status renamed").contains("  ! ")) << must("status renamed");
  expect_enforced("renamed");
  EXPECT_EQ(must("attach renamed"), "renamed: already attached\n");
  must("detach renamed");
  EXPECT_EQ(pinned(), Names{});
}

TEST_F(IdentityTest, ARenamedDeviceIsDetached) {
  rename("lower", "renamed");
  const std::string before = state();
  rename("renamed", "lower");
  must("attach lower");
  must(kSet);
  rename("lower", "renamed");
  must("detach renamed");
  EXPECT_EQ(state(), before);
}

TEST_F(IdentityTest, TwoDevicesSwapTheirNames) {
  must_run(
      "ip link add other type veth peer name other_far && ip link set other up && ip link set other_far up &&"
      "ip link add link other name second type macvtap mode passthru && ip link set second up");
  must("attach lower --mode generic");
  must("attach other --mode tc");
  must(kSet);
  must("set second --vlan 7");
  rename("lower", "third");
  rename("other", "lower");
  rename("third", "other");
  const auto expect_right = [&] {
    expect_said(must("status other -j"), {"\"early_drop\":\"xdp-generic\"", "\"name\":\"upper\""});
    expect_said(must("status lower -j"), {"\"early_drop\":\"tc\"", "\"name\":\"second\""});
    expect_said(must("get upper"), {"vlans 42"});
    expect_said(must("get second"), {"vlans 7"});
    expect_enforced("lower");
    expect_enforced("other");
  };
  expect_right();
  must("attach lower");
  expect_right();
  expect_said(must("status lower"), {"/lower@"});
  expect_said(must("status other"), {"/other@"});
  EXPECT_EQ(must("attach other"), "other: already attached\n");
  expect_right();
  must("detach lower");
  must("detach other");
  EXPECT_EQ(pinned(), Names{});
}

TEST_F(IdentityTest, ANewDeviceTakesTheNameOfARenamedOne) {
  must("attach lower");
  must(kSet);
  rename("lower", "renamed");
  must_run("ip link add lower type veth peer name other_far && ip link set lower up");
  EXPECT_EQ(loader_->run("status lower").status, 3);
  EXPECT_EQ(must("detach lower"), "lower: not attached\n");
  must("attach lower");
  EXPECT_EQ(pinned(), (Names{"lower", "renamed"}));
  expect_said(must("get upper"), {"vlans 42"});
  expect_enforced("renamed");
  must("detach lower");
  must("detach renamed");
  EXPECT_EQ(pinned(), Names{});
}

// Made anew

TEST_F(IdentityTest, ADeviceMadeAnewIsAnother) {
  must("attach lower");
  must(kSet);
  make_again("", "");
  for (const char* arguments : {"status lower", "get upper", "set upper --vlan 7"})
    expect_said(said(arguments, 1), {"lower is not the device that was attached", "which is gone",
                                     "rxfilter-loader attach lower begins anew"});
  expect_said(said("attach lower", 0), {"begun anew, without filter sets"});
  EXPECT_EQ(must("get upper"), "upper: unfiltered\n");
  expect_enforced("lower");
  must("detach lower");
  EXPECT_EQ(pinned(), Names{});
}

TEST_F(IdentityTest, DetachRemovesWhatADeviceMadeAnewLeft) {
  must("attach lower");
  make_again("", "");
  const std::string before = state();
  must("detach lower");
  EXPECT_EQ(pinned(), Names{});
  EXPECT_NE(state(), before);
}

TEST_F(IdentityTest, ADeviceMadeAnewWithItsIfindexIsPutRight) {
  for (const char* mode : {"tc", "native", "generic"}) {
    must(std::string("attach lower --mode ") + mode);
    must(kSet);
    const std::string lower = "index " + std::to_string(ifindex_of("lower"));
    make_again(lower + " address 02:aa:00:00:00:01",
               "index " + std::to_string(ifindex_of("upper")) + " address 02:aa:00:00:00:01");
    expect_said(must("status lower"), {"the early drop is not attached", "upper has no guard"});
    must("attach lower");
    expect_said(must("get upper"), {"vlans 42"});
    expect_enforced("lower");
    EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");

    // The upper is another one this time.
    make_again(lower + " address 02:aa:00:00:00:07",
               "index " + std::to_string(ifindex_of("upper")) + " address 02:aa:00:00:00:07");
    expect_said(must("status lower"), {"upper (ifindex ", "was deleted, upper is another device and unfiltered"});
    EXPECT_EQ(must("get upper"), "upper: unfiltered\n");
    expect_said(said("attach lower", 0), {"the filter set of upper", "was forgotten: upper is another device"});
    EXPECT_EQ(must("get upper"), "upper: unfiltered\n");
    expect_enforced("lower");
    EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");
    must("detach lower");
    EXPECT_EQ(pinned(), Names{});
    make_again(lower + " address 02:aa:00:00:00:01", "");
  }
}

TEST_F(IdentityTest, AnUpperWithTheIfindexOfAnotherInheritsNothing) {
  must("attach lower");
  must(kSet);
  const std::string index = std::to_string(ifindex_of("upper"));
  must_run("ip link del upper && ip link add link lower name stranger index " + index +
           " type macvtap mode passthru && ip link set stranger up");
  expect_said(must("status lower"), {"upper (ifindex " + index + ") was deleted, stranger is another device",
                                     "rxfilter-loader attach lower forgets its filter set"});
  EXPECT_EQ(must("get stranger"), "stranger: unfiltered\n");
  expect_said(said("set stranger --vlan 7", 0), {"the filter set of upper"});
  EXPECT_EQ(must("get stranger"), "stranger: any address  vlans 7\n");
  expect_enforced("lower");
  EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");
  must("detach lower");
}

// With its guard it is the same, whatever it is called.
TEST_F(IdentityTest, ARenamedUpperKeepsItsFilterSet) {
  must("attach lower");
  must(kSet);
  rename("upper", "renamed");
  must_run("ip link set renamed address 02:aa:00:00:00:09");
  EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");
  expect_said(must("get renamed"), {"vlans 42"});
  must("attach lower");
  expect_said(must("get renamed"), {"vlans 42"});
  must("detach lower");
}

// Moved

TEST_F(IdentityTest, AnUpperThatWasMovedIsReportedAndForgotten) {
  must("attach lower");
  must(kSet);
  const Fd home = current_netns();
  const ScratchNamespace away;
  const std::string there = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(away.fd());
  const NamespaceSwitch back(home.get());
  must_run("ip link set upper netns " + there);
  expect_said(must("status lower"), {"upper (ifindex ", "was moved or deleted", "rxfilter-loader attach lower"});
  must("attach lower");
  EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");
  must("detach lower");
}

class MovedLower : public IdentityTest, public testing::WithParamInterface<const char*> {};

TEST_P(MovedLower, IsTakenUpThereAndLetGoHere) {
  const std::string mode = GetParam();
  must("attach lower --mode " + mode);
  must(kSet);
  const Fd home = current_netns();
  const ScratchNamespace away;
  const std::string there = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(away.fd());
  {
    const NamespaceSwitch back(home.get());
    must_run("ip link set lower netns " + there);
  }
  must_run("ip link set lower up");
  const std::string link = must_run("ip -d link show lower");
  EXPECT_EQ(link.contains("prog/xdp"), mode != "tc") << link;
  EXPECT_EQ(loader_->run("status lower").status, 3);
  const std::string taken = said("attach lower --mode " + mode, 0);
  EXPECT_EQ(taken.contains("lower came with an early drop"), mode != "tc") << taken;
  EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");
  EXPECT_EQ(must("attach lower"), "lower: already attached\n");
  EXPECT_EQ(pinned(), (Names{"lower", "lower"}));

  {
    const NamespaceSwitch back(home.get());
    EXPECT_TRUE(must_run("tc filter show dev upper ingress").contains("rxf_guard"));
    expect_said(must("status"),
                {"lower: pins without a device", "was deleted, or moved", "rxfilter-loader detach lower"});
    expect_said(said("status lower", 1), {"no such device: lower", "rxfilter-loader detach lower"});
    must(mode == "generic" ? "detach --all" : "detach lower");
    EXPECT_FALSE(must_run("tc qdisc show dev upper").contains("clsact"));
    EXPECT_FALSE(must_run("bridge fdb show dev upper").contains("02:bb:00:00:00:01"));
    EXPECT_EQ(must("status"), "no device is attached\n");
  }
  EXPECT_EQ(pinned(), Names{"lower"});
  EXPECT_EQ(must("attach lower"), "lower: already attached\n");
  must("detach lower");
  EXPECT_FALSE(must_run("ip -d link show lower").contains("prog/xdp"));
  EXPECT_EQ(pinned(), Names{});
}

INSTANTIATE_TEST_SUITE_P(Modes, MovedLower, testing::Values("tc", "native", "generic"),
                         [](const auto& mode) { return std::string(mode.param); });

// Namespaces

TEST_F(IdentityTest, TheSameNamesInTwoNamespacesAreTwoDevices) {
  must("attach lower");
  must(kSet);
  {
    const Topology second(Uppers::passthru);
    EXPECT_EQ(must("status"), "no device is attached\n");
    must("attach lower --mode native");
    must("set upper --vlan 7");
    expect_said(must("get upper"), {"vlans 7"});
    EXPECT_EQ(pinned(), (Names{"lower", "lower"}));
    expect_enforced("lower");
    must("detach --all");
    EXPECT_EQ(pinned(), Names{"lower"});
    must("attach lower");
  }
  expect_said(must("get upper"), {"vlans 42"});
  expect_enforced("lower");
  must("detach lower");
}

TEST_F(IdentityTest, PinsOfANamespaceThatIsGoneAreRemovedFromAnywhere) {
  must("attach lower");
  {
    const Topology second(Uppers::passthru);
    must("attach lower --mode native");
    must(kSet);
    const std::string listed = must("status");
    EXPECT_FALSE(listed.contains("pins without a device")) << listed;
  }
  std::string listed;
  for (int i = 0; i < 100 && !listed.contains("pins without"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    listed = must("status");
  }
  expect_said(listed,
              {"lower: pins without a device", "its network namespace is gone", "rxfilter-loader detach --all"});
  EXPECT_EQ(pinned(), (Names{"lower", "lower"}));
  expect_said(said("detach --all", 0), {"removed what an earlier command or device had left"});
  EXPECT_EQ(pinned(), Names{});
}

TEST_F(IdentityTest, DetachAllLeavesOtherNamespacesAlone) {
  must("attach lower");
  must(kSet);
  {
    const ScratchNamespace second;
    EXPECT_EQ(must("detach --all"), "no device is attached\n");
    EXPECT_EQ(must("status"), "no device is attached\n");
  }
  expect_said(must("get upper"), {"vlans 42"});
  expect_enforced("lower");
}

// Programs that somebody removed, or put others in their place

TEST_F(IdentityTest, AForeignFilterInTheGuardsPlaceIsReportedAndPassed) {
  must("attach lower");
  must(kSet);
  must_run("tc filter del dev upper ingress pref 100 && tc filter del dev lower ingress pref 100");
  const ForeignFilter upper(ifindex_of("upper"), 100);
  const ForeignFilter lower(ifindex_of("lower"), 100);
  expect_said(must("status lower"), {"upper has no guard", "the early drop is not attached"});
  must("attach lower");
  const std::string status = must("status lower");
  EXPECT_FALSE(status.contains("has no guard") || status.contains("is not attached")) << status;
  expect_said(status, {"stands in front of upper's guard", "stands in front of lower's early drop"});
  for (const char* device : {"lower", "upper"})
    expect_said(must_run(std::string("tc filter show dev ") + device + " ingress"), {"foreign_tc", "pref 101 bpf"});
  expect_enforced("lower");
  must("detach lower");
  for (const char* device : {"lower", "upper"})
    EXPECT_TRUE(must_run(std::string("tc filter show dev ") + device + " ingress").contains("foreign_tc"));
}

TEST_F(IdentityTest, AForeignXdpProgramInTheEarlyDropsPlaceIsReportedAndRefused) {
  must("attach lower --mode generic");
  must(kSet);
  must_run("ip link set lower xdpgeneric off");
  {
    const ForeignXdp foreign(ifindex_of("lower"), ForeignXdp::Mode::generic);
    expect_said(must("status lower"), {"the early drop is not attached"});
    expect_said(said("attach lower", 1), {"foreign_xdp", "id " + std::to_string(foreign.id()), "--mode tc"});
    EXPECT_TRUE(must_run("ip -d link show lower").contains("prog/xdp id " + std::to_string(foreign.id())));
  }
  must_run("ip link set lower xdpgeneric off");
  must("attach lower");
  EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");
  expect_enforced("lower");
}

TEST_F(IdentityTest, AClsactThatSomebodyRemovedComesBack) {
  must("attach lower");
  must(kSet);
  must_run("tc qdisc del dev upper clsact && tc qdisc del dev lower clsact");
  expect_said(must("status lower"), {"upper has no guard", "the early drop is not attached"});
  must("attach lower");
  EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");
  expect_enforced("lower");
}

}  // namespace
}  // namespace rxf::test
