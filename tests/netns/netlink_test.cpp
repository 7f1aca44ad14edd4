// SPDX-License-Identifier: GPL-2.0-only
// loader/netlink against the running kernel. far ==veth== lower <-- upper (macvtap, passthru, nopromisc)
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "loader/netlink/address_lists.h"
#include "loader/netlink/ethtool.h"
#include "loader/netlink/links.h"
#include "loader/netlink/message.h"
#include "loader/netlink/net_namespace.h"
#include "loader/netlink/socket.h"
#include "tests/support/command.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_namespace.h"

namespace rxf::netlink {
namespace {

using test::must_run;
using test::ScratchNamespace;

const MacAddress kUpperAddress = {{0x02, 0xaa, 0, 0, 0, 1}};
const MacAddress kUnicast = {{0x02, 0xbb, 0, 0, 0, 1}};
const MacAddress kGroup = {{0x01, 0x00, 0x5e, 0x01, 0x02, 0x03}};
constexpr const char* kLongName = "an-alternative-name-longer-than-a-name-may-be";

class NetlinkTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string& why = test::why_no_netns_tests(); !why.empty()) GTEST_SKIP() << why;
    namespace_.emplace();
    must_run(
        "ip link add lower type veth peer name far && ip link set far up && ip link set lower up &&"
        "ip link add link lower name upper type macvtap mode passthru nopromisc &&"
        "ip link set upper address 02:aa:00:00:00:01 && ip link set upper up");
    auto socket = Socket::open();
    ASSERT_TRUE(socket) << socket.error().text;
    socket_.emplace(std::move(*socket));
  }

  Link link(const std::string& name) {
    auto found = link_by_name(*socket_, name);
    EXPECT_TRUE(found) << found.error().text;
    return found.value_or(Link{});
  }

  std::optional<ScratchNamespace> namespace_;
  std::optional<Socket> socket_;
};

template <class T>
void expect_error(const Result<T>& result, int code, const std::string& text) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code);
  EXPECT_EQ(result.error().text, text);
  EXPECT_EQ(result.error().exit, Exit::refused);
}

TEST_F(NetlinkTest, ListsTheLinksOfTheNamespace) {
  const auto all = links(*socket_);
  ASSERT_TRUE(all) << all.error().text;
  std::set<std::string> names;
  for (const Link& each : *all) names.insert(each.name);
  for (const char* name : {"lo", "lower", "far", "upper"}) EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_EQ(names.size(), all->size());
}

TEST_F(NetlinkTest, ListsMoreLinksThanFitOneDatagram) {
  must_run("for i in $(seq 1 100); do echo link add many$i type veth peer name more$i; done | ip -batch -");
  const auto all = links(*socket_);
  ASSERT_TRUE(all) << all.error().text;
  EXPECT_EQ(std::ranges::count_if(*all, [](const Link& each) { return each.name.starts_with("m"); }), 200);
}

// Alternative names make a link's message as long as one likes.
TEST_F(NetlinkTest, ReadsALinkLargerThanItsBuffer) {
  must_run(
      "for i in $(seq 1 400); do"
      "  printf 'link property add dev far altname %0120d\\n' $i;"
      "done | ip -batch -");
  EXPECT_EQ(link("far").kind, "veth");
  const auto all = links(*socket_);
  ASSERT_TRUE(all) << all.error().text;
  EXPECT_EQ(all->size(), 4U);
}

TEST_F(NetlinkTest, VethIsAPlainEthernetDevice) {
  const Link lower = link("lower");
  EXPECT_EQ(lower.kind, "veth");
  EXPECT_TRUE(lower.ethernet);
  EXPECT_FALSE(lower.loopback);
  EXPECT_FALSE(lower.is_upper());
  EXPECT_TRUE(lower.is_up());
  EXPECT_EQ(lower.address, kUpperAddress) << "a passthru upper gives the lower device its own";
  EXPECT_EQ(lower.lower, link("far").ifindex);
  EXPECT_EQ(lower.promiscuity, 0U);
}

TEST_F(NetlinkTest, LoopbackIsToldApart) {
  const Link loopback = link("lo");
  EXPECT_TRUE(loopback.loopback);
  EXPECT_FALSE(loopback.ethernet);
  EXPECT_FALSE(loopback.lower);
}

TEST_F(NetlinkTest, PassthruMacvtapShowsItsMode) {
  const Link upper = link("upper");
  EXPECT_EQ(upper.kind, "macvtap");
  EXPECT_EQ(upper.upper_mode, UpperMode::passthru);
  EXPECT_TRUE(upper.nopromisc);
  EXPECT_EQ(upper.lower, link("lower").ifindex);
  EXPECT_FALSE(upper.lower_elsewhere);
  EXPECT_EQ(upper.address, kUpperAddress);
  EXPECT_TRUE(upper.ethernet);
}

TEST_F(NetlinkTest, EveryModeOfMacvlanIsKnown) {
  must_run("ip link add other type veth peer name there");
  for (const char* mode : {"private", "vepa", "bridge", "source"}) {
    must_run("ip link add link other name each type macvlan mode " + std::string(mode));
    const Link each = link("each");
    ASSERT_TRUE(each.upper_mode) << mode;
    EXPECT_EQ(to_string(*each.upper_mode), mode);
    EXPECT_EQ(each.kind, "macvlan");
    EXPECT_FALSE(each.nopromisc);
    must_run("ip link del each");
  }
}

TEST_F(NetlinkTest, PromiscuousPassthruRaisesTheCountOfTheLowerDevice) {
  must_run(
      "ip link add other type veth peer name there && ip link set other up &&"
      "ip link add link other name tap type macvtap mode passthru && ip link set tap up");
  EXPECT_EQ(link("other").promiscuity, 1U);
  EXPECT_EQ(link("lower").promiscuity, 0U);
}

TEST_F(NetlinkTest, LowerDeviceInAnotherNamespaceIsNoIndexHere) {
  must_run(
      "ip link add other type veth peer name there &&"
      "ip link add link other name moved type macvlan mode bridge");
  const ScratchNamespace elsewhere;
  {
    const test::NamespaceSwitch home(namespace_->fd());
    must_run("ip link set moved netns /proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(elsewhere.fd()));
  }
  auto socket = Socket::open();
  ASSERT_TRUE(socket) << socket.error().text;
  const auto moved = link_by_name(*socket, "moved");
  ASSERT_TRUE(moved) << moved.error().text;
  EXPECT_TRUE(moved->lower_elsewhere);
  EXPECT_FALSE(moved->lower);
  EXPECT_TRUE(moved->is_upper());
}

TEST_F(NetlinkTest, LinkIsFoundByNameIndexAndAlternativeName) {
  must_run("ip link property add dev lower altname short && ip link property add dev lower altname " +
           std::string(kLongName));
  const Link lower = link("lower");
  for (const char* name : {"short", kLongName}) EXPECT_EQ(link(name).ifindex, lower.ifindex) << name;

  const auto by_index = link_by_index(*socket_, lower.ifindex);
  ASSERT_TRUE(by_index) << by_index.error().text;
  EXPECT_EQ(by_index->name, "lower");
}

TEST_F(NetlinkTest, NoSuchDevice) {
  using namespace std::string_literals;
  // The kernel cuts a name at 15 bytes in its ioctls, and at a NUL here.
  must_run("ip link set far down && ip link set far name fifteen-letters");
  for (const std::string& name : {"nowhere"s, ""s, "fifteen-letters-and-more"s, std::string(128, 'x'),
                                  std::string(100000, 'x'), "lower\0"s, "lower\0x"s, "a/b"s, "%d"s}) {
    expect_error(link_by_name(*socket_, name), ENODEV, "no such device: " + name);
  }
  expect_error(link_by_index(*socket_, 99999), ENODEV, "no such device: ifindex 99999");
  expect_error(link_by_index(*socket_, 0), ENODEV, "no such device: ifindex 0");
  expect_error(link_by_index(*socket_, 0xffffffff), ENODEV, "no such device: ifindex 4294967295");
}

TEST_F(NetlinkTest, AllmultiOfTheUpperReachesTheLowerDevice) {
  ASSERT_EQ(link("lower").allmulti, 0U);
  const auto on = set_flag(*socket_, link("upper"), kAllmulti, true);
  ASSERT_TRUE(on) << on.error().text;
  EXPECT_EQ(link("lower").allmulti, 1U);
  EXPECT_NE(link("upper").flags & IFF_ALLMULTI, 0U);
  EXPECT_TRUE(link("upper").is_up());

  const auto off = set_flag(*socket_, link("upper"), kAllmulti, false);
  ASSERT_TRUE(off) << off.error().text;
  EXPECT_EQ(link("lower").allmulti, 0U);
  EXPECT_EQ(link("upper").flags & IFF_ALLMULTI, 0U);
}

TEST_F(NetlinkTest, AllmultiOfADeviceThatIsGone) {
  const Link upper = link("upper");
  must_run("ip link del upper");
  expect_error(set_flag(*socket_, upper, kAllmulti, true), ENODEV, "switch allmulti on on upper: No such device");
}

TEST_F(NetlinkTest, UnicastListIsAddedToReadAndDeletedFrom) {
  const Link upper = link("upper");
  EXPECT_EQ(fdb_unicast(*socket_, upper), AddressSet{});
  ASSERT_TRUE(fdb_add(*socket_, upper, kUnicast));
  EXPECT_EQ(fdb_unicast(*socket_, upper), AddressSet{kUnicast});
  EXPECT_NE(must_run("bridge fdb show dev upper").find("02:bb:00:00:00:01 self permanent"), std::string::npos);

  expect_error(fdb_add(*socket_, upper, kUnicast), EEXIST,
               "add 02:bb:00:00:00:01 to the unicast list of upper: File exists");
  ASSERT_TRUE(fdb_delete(*socket_, upper, kUnicast));
  EXPECT_EQ(fdb_unicast(*socket_, upper), AddressSet{});
  expect_error(fdb_delete(*socket_, upper, kUnicast), ENOENT,
               "delete 02:bb:00:00:00:01 from the unicast list of upper: No such file or directory");
}

// The kernel's own handler, which veth and most NICs use, passes over what is there already unless told not to.
TEST_F(NetlinkTest, AddingAnAddressTwiceToAVethIsSeen) {
  const Link far = link("far");
  ASSERT_TRUE(fdb_add(*socket_, far, kUnicast));
  const auto again = fdb_add(*socket_, far, kUnicast);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, EEXIST);
}

TEST_F(NetlinkTest, UnicastListIsTheLinksOwnAndWithoutGroups) {
  const MacAddress other = {{0x02, 0xbb, 0, 0, 0, 2}};
  ASSERT_TRUE(fdb_add(*socket_, link("upper"), kUnicast));
  ASSERT_TRUE(fdb_add(*socket_, link("far"), other));
  must_run("ip maddress add 01:00:5e:01:02:03 dev far");
  EXPECT_EQ(fdb_unicast(*socket_, link("far")), AddressSet{other});
  EXPECT_EQ(fdb_unicast(*socket_, link("upper")), AddressSet{kUnicast});
}

TEST_F(NetlinkTest, UnicastListOfADeviceThatIsGone) {
  const Link upper = link("upper");
  must_run("ip link del upper");
  EXPECT_EQ(fdb_unicast(*socket_, upper), AddressSet{}) << "the kernel does not tell it from an empty one";
  const auto added = fdb_add(*socket_, upper, kUnicast);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ENODEV);
  EXPECT_TRUE(
      added.error().text.starts_with("add 02:bb:00:00:00:01 to the unicast list of upper: No such device (extack: "))
      << added.error().text;
}

TEST_F(NetlinkTest, ALongUnicastListIsWhole) {
  AddressSet wanted;
  for (std::uint8_t high = 0; high < 4; ++high) {
    for (int low = 0; low < 256; ++low) wanted.insert({{0x02, 0, 0, 0, high, static_cast<std::uint8_t>(low)}});
  }
  const Link far = link("far");
  for (const MacAddress& address : wanted) ASSERT_TRUE(fdb_add(*socket_, far, address));
  EXPECT_EQ(fdb_unicast(*socket_, far), wanted);
}

TEST_F(NetlinkTest, MulticastReferenceIsAddedAndDeleted) {
  const Link upper = link("upper");
  EXPECT_EQ(multicast_references(upper), AddressSet{});
  ASSERT_TRUE(multicast_add(upper, kGroup));
  EXPECT_EQ(multicast_references(upper), AddressSet{kGroup});
  EXPECT_TRUE(multicast_add(upper, kGroup));
  EXPECT_EQ(multicast_references(link("lower")), AddressSet{}) << "the lower device has it only by way of the upper";

  ASSERT_TRUE(multicast_delete(upper, kGroup));
  EXPECT_EQ(multicast_references(upper), AddressSet{});
  expect_error(multicast_delete(upper, kGroup), ENOENT,
               "delete multicast reference 01:00:5e:01:02:03: upper: No such file or directory");
}

TEST_F(NetlinkTest, MulticastReferenceOnADeviceThatIsGone) {
  const Link upper = link("upper");
  must_run("ip link del upper");
  expect_error(multicast_add(upper, kGroup), ENODEV,
               "add multicast reference 01:00:5e:01:02:03: upper: No such device");
}

TEST_F(NetlinkTest, NameTooLongForAnIoctlIsNotCut) {
  must_run("ip link set far down && ip link set far name fifteen-letters");
  Link impossible = link("fifteen-letters");
  impossible.name += "-";
  expect_error(multicast_add(impossible, kGroup), ENODEV,
               "add multicast reference 01:00:5e:01:02:03: fifteen-letters-: No such device");
  EXPECT_EQ(multicast_references(impossible), AddressSet{});
}

TEST_F(NetlinkTest, OffloadsAreThoseThatEthtoolShows) {
  // The lines are "rx-vlan-filter: off [fixed]". ethtool(8) has older names for some.
  const std::string shown = "\n" + must_run("ethtool -k lower | sed -n 's/^[[:space:]]*\\([a-z0-9-]*\\): on.*/\\1/p'");
  const auto features = active_features(link("lower"));
  ASSERT_TRUE(features) << features.error().text;
  const std::vector<std::pair<std::string, std::string>> names = {
      {"rx-vlan-hw-parse", "rx-vlan-offload"},  {"rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse"},
      {"rx-vlan-filter", "rx-vlan-filter"},     {"rx-gro-hw", "rx-gro-hw"},
      {"rx-lro", "large-receive-offload"},      {"rx-gro", "generic-receive-offload"},
      {"tx-vlan-hw-insert", "tx-vlan-offload"}, {"tx-scatter-gather", "tx-scatter-gather"},
  };
  for (const auto& [kernels, ethtools] : names) {
    EXPECT_EQ(features->contains(kernels), shown.contains("\n" + ethtools + "\n")) << kernels;
  }
  EXPECT_TRUE(features->contains("tx-scatter-gather"));
  EXPECT_FALSE(features->contains("rx-vlan-filter"));
}

TEST_F(NetlinkTest, OffloadThatIsSwitchedOffIsNotActive) {
  ASSERT_TRUE(active_features(link("lower"))->contains("rx-vlan-hw-parse"));
  must_run("ethtool -K lower rx-vlan-hw-parse off");
  EXPECT_FALSE(active_features(link("lower"))->contains("rx-vlan-hw-parse"));
}

TEST_F(NetlinkTest, OffloadsAndDriverOfADeviceThatIsGone) {
  const Link upper = link("upper");
  must_run("ip link del upper");
  const auto features = active_features(upper);
  ASSERT_FALSE(features);
  EXPECT_EQ(features.error().code, ENODEV);
  EXPECT_TRUE(features.error().text.starts_with("offloads of upper: No such device (extack: "))
      << features.error().text;
  expect_error(driver(upper), ENODEV, "driver: upper: No such device");
}

TEST_F(NetlinkTest, DriverIsNamed) {
  EXPECT_EQ(driver(link("lower")), "veth");
  EXPECT_EQ(driver(link("upper")), "macvlan");
  EXPECT_EQ(driver(link("lo")), "");
}

// The kernel says what was wrong with the request, not only that something was.
TEST_F(NetlinkTest, ExtackIsInTheError) {
  Message request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.put_fixed(ifinfomsg{});
  request.put_nest(IFLA_LINKINFO, [&] { request.put_text(IFLA_INFO_KIND, "no-such-kind"); });
  const auto result = socket_->request(request.header());
  expect_error(result, EOPNOTSUPP, "Operation not supported (extack: Unknown device type)");
}

TEST_F(NetlinkTest, SocketGoesOnAfterAHandlerGaveUpInADump) {
  Message request(RTM_GETLINK, NLM_F_DUMP);
  request.put_fixed(ifinfomsg{});
  int handled = 0;
  const auto result = socket_->request(request.header(), [&](const nlmsghdr&) {
    ++handled;
    return Result<void>(system_error(ERANGE, "enough"));
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ERANGE);
  EXPECT_EQ(handled, 1);
  EXPECT_TRUE(links(*socket_));
}

TEST_F(NetlinkTest, NamespacesAreToldApart) {
  EXPECT_FALSE(in_initial_netns());
  const auto here = netns_cookie();
  ASSERT_TRUE(here) << here.error().text;
  {
    const ScratchNamespace other;
    const auto there = netns_cookie();
    ASSERT_TRUE(there);
    EXPECT_NE(*here, *there);
  }
  EXPECT_EQ(netns_cookie(), here);
}

// In whatever namespace the tests are started: the kernel's own threads are in the initial one.
TEST(InitialNamespace, IsTheOneOfTheKernelsThreads) {
  if (test::run("cat /proc/2/comm").out != "kthreadd\n") GTEST_SKIP() << "the kernel's threads are not in sight";
  const bool same = test::run("test /proc/2/ns/net -ef /proc/self/ns/net").status == 0;
  EXPECT_EQ(in_initial_netns(), same);
}

TEST_F(NetlinkTest, NamespaceIsEnteredByNameAndPath) {
  const std::string name = "rxf-netlink-test-" + std::to_string(::getpid());
  must_run("ip netns add " + name);
  const auto here = netns_cookie();
  for (const std::string& way : {name, "/run/netns/" + name}) {
    const test::NamespaceSwitch back_at_the_end(namespace_->fd());
    const auto entered = enter_netns(way);
    EXPECT_TRUE(entered) << entered.error().text;
    EXPECT_NE(netns_cookie(), here);
  }
  must_run("ip netns del " + name);
  EXPECT_EQ(netns_cookie(), here);
}

TEST_F(NetlinkTest, NamespaceThatIsNone) {
  using namespace std::string_literals;
  const auto here = netns_cookie();
  for (const std::string& name : {"nowhere"s, ""s, "."s, ".."s, "a\0b"s}) {
    expect_error(enter_netns(name), ENOENT, "no network namespace \"" + name + "\": see ip netns list");
  }
  expect_error(enter_netns("/no/where"), ENOENT, "no network namespace \"/no/where\"");
  expect_error(enter_netns("/proc/self/ns/uts"), EINVAL, "\"/proc/self/ns/uts\" is not a network namespace");
  expect_error(enter_netns("/dev/null"), EINVAL, "\"/dev/null\" is not a network namespace");
  EXPECT_EQ(netns_cookie(), here);
}

}  // namespace
}  // namespace rxf::netlink
