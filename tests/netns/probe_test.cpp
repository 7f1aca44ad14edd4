// SPDX-License-Identifier: GPL-2.0-only
// `probe` on devices as the running kernel has them, against what ip(8), ethtool(8) and `attach` say of the same ones.
#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <sstream>

#include <nlohmann/json.hpp>

#include "loader/datapath/device_view.h"
#include "loader/netlink/ethtool.h"
#include "tests/support/command.h"
#include "tests/support/foreign_programs.h"
#include "tests/support/host_state.h"
#include "tests/support/loader_command.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using Json = nlohmann::json;

// far ==veth== lower, and what a test adds.
class ProbeTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
    topology_.emplace(Uppers::none);
    bpffs_.emplace();
    loader_.emplace(bpffs_->path());
  }

  Json probe(const std::string& device) { return Json::parse(loader_->must("probe -j " + device)); }

  datapath::DeviceView view(const std::string& device) {
    const auto view = datapath::view_device(ifindex_of(device));
    EXPECT_TRUE(view) << view.error().text;
    return view.value_or(datapath::DeviceView{});
  }

  // One number that `ip -d link` shows.
  static std::uint32_t shown(const std::string& device, const std::string& word) {
    const Json links = Json::parse(must_run("ip -d -j link show dev " + device));
    return links.at(0).at(word).get<std::uint32_t>();
  }

  std::string state() { return host_state(bpffs_->path()); }

  std::optional<Topology> topology_;
  std::optional<ScratchBpffs> bpffs_;
  std::optional<LoaderCommand> loader_;
};

// The device

TEST_F(ProbeTest, NamesTheDevice) {
  must_run("ip link set lower mtu 1400 && ip tuntap add tap0 mode tap && ip link add bridge0 type bridge");
  for (const auto& [device, driver, kind] :
       {std::array{"lower", "veth", "veth"}, {"tap0", "tun", "tun"}, {"bridge0", "bridge", "bridge"}}) {
    const Json found = probe(device);
    EXPECT_EQ(found.at("device"), device);
    EXPECT_EQ(found.at("ifindex"), ifindex_of(device));
    EXPECT_EQ(found.at("driver"), driver);
    EXPECT_EQ(found.at("kind"), kind);
    EXPECT_EQ(found.at("mtu"), shown(device, "mtu"));
    EXPECT_EQ(found.at("lower_device"), true);
    EXPECT_FALSE(found.at("why").contains("lower_device"));
  }
  EXPECT_EQ(probe("lower").at("mtu"), 1400);
}

TEST_F(ProbeTest, SaysWhatCannotBeALowerDevice) {
  must_run("ip link add link lower name upper type macvtap mode bridge && ip tuntap add tun0 mode tun");
  for (const auto& [device, words] : {std::array{"upper", "upper is itself a macvtap"},
                                      {"lo", "lo is the loopback device"},
                                      {"tun0", "tun0 is no Ethernet device"}}) {
    const Json found = probe(device);
    EXPECT_EQ(found.at("lower_device"), false);
    EXPECT_EQ(found.at("attach"), nullptr);
    for (const char* what : {"lower_device", "attach"})
      EXPECT_TRUE(found.at("why").at(what).get<std::string>().starts_with(words)) << found.at("why");
    EXPECT_NE(loader_->run(std::string("attach ") + device).status, 0);
  }
}

TEST_F(ProbeTest, ADeviceThatIsNotThereIsAnError) {
  const CommandResult result = loader_->run("probe nothere");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "rxfilter-loader: no such device: nothere\n");
}

// Its net_device

TEST_F(ProbeTest, UnicastFilterIsWhatTheKernelActsBy) {
  must_run(
      "ip link add link lower name upper type macvtap mode passthru && ip link set upper up &&"
      "ip tuntap add tap0 mode tap && ip link set tap0 up");
  for (const std::string device : {"lower", "upper", "tap0"}) {
    const Json before = probe(device);
    must_run("bridge fdb add 02:bb:00:00:00:01 dev " + device + " self");
    const Json after = probe(device);
    const std::uint32_t count = before.at("in_use").at("promiscuity");
    // A device that cannot filter by its list is made promiscuous for the first entry.
    const bool first = before.at("in_use").at("unicast_entries") == 0;
    const bool filters = before.at("unicast_filter");
    EXPECT_EQ(after.at("in_use").at("promiscuity"), count + (first && !filters ? 1U : 0U)) << device;
    EXPECT_EQ(after.at("in_use").at("uc_promisc"), !filters) << device;
  }
  EXPECT_EQ(probe("lower").at("unicast_filter"), false);
  EXPECT_EQ(probe("upper").at("unicast_filter"), true) << "a macvtap has one, by its lower device's list";
}

TEST_F(ProbeTest, CountsAreThoseOfTheKernel) {
  EXPECT_EQ(view("far"), datapath::DeviceView{});
  must_run("ip link set far promisc on && ip link set far allmulticast on");
  EXPECT_EQ(view("far"), (datapath::DeviceView{.promiscuity = 1, .allmulti = 1}));

  must_run(
      "ip link add link lower name upper type macvtap mode bridge && ip link set upper up &&"
      "bridge fdb add 02:bb:00:00:00:01 dev lower self && ip link set lower promisc on");
  // The upper's own address is the other entry.
  EXPECT_EQ(view("lower"),
            (datapath::DeviceView{.promiscuity = 2, .uc_promisc = true, .rx_handler = true, .unicast_entries = 2}));
  for (const std::string device : {"far", "lower", "upper"}) {
    EXPECT_EQ(view(device).promiscuity, shown(device, "promiscuity")) << device;
    EXPECT_EQ(view(device).allmulti, shown(device, "allmulti")) << device;
  }
  must_run("ip link del upper");
  EXPECT_FALSE(view("lower").rx_handler);
}

TEST_F(ProbeTest, VlanDevicesAreCounted) {
  if (run("ip link add link lower name lower.7 type vlan id 7").status != 0) GTEST_SKIP() << "no VLAN devices here";
  EXPECT_EQ(view("lower").vlan_devices, 1);
  must_run("ip link add link lower name lower.8 type vlan proto 802.1ad id 8");
  EXPECT_EQ(view("lower").vlan_devices, 2);
  must_run("ip link del lower.7 && ip link del lower.8");
  EXPECT_EQ(view("lower").vlan_devices, 0);
}

TEST_F(ProbeTest, ViewOfNoDeviceIsAnError) {
  const std::uint32_t gone = ifindex_of("far");
  must_run("ip link del far");
  for (const std::uint32_t ifindex : {0U, gone}) {
    const auto view = datapath::view_device(ifindex);
    ASSERT_FALSE(view) << ifindex;
    EXPECT_EQ(view.error().code, ENODEV) << view.error().text;
  }
  // Without an ifindex in the context this one would be shown.
  EXPECT_TRUE(datapath::view_device(ifindex_of("lo")));
}

// Offloads

TEST_F(ProbeTest, StrippingThatIsSwitchedIsSeen) {
  const Json on = {{"on", true}, {"requested", true}, {"changeable", true}};
  const Json off = {{"on", false}, {"requested", false}, {"changeable", true}};
  EXPECT_EQ(probe("lower").at("vlan_stripping"), on);
  must_run("ethtool -K lower rxvlan off");
  EXPECT_EQ(probe("lower").at("vlan_stripping"), off);
  must_run("ethtool -K lower rxvlan on");
  EXPECT_EQ(probe("lower").at("vlan_stripping"), on);
  const Json none = {{"on", false}, {"requested", false}, {"changeable", false}};
  EXPECT_EQ(probe("lower").at("vlan_filter"), none);
}

// The lines are "rx-vlan-filter: off [fixed]"; a few have names of ethtool's own.
TEST_F(ProbeTest, FeaturesAreAsEthtoolShowsThem) {
  must_run("ethtool -K lower tx off rxvlan off && ip link add bridge0 type bridge");
  const std::set<std::string> other_names = {"rx-checksumming", "tx-checksumming", "rx-vlan-offload",
                                             "tx-vlan-offload"};
  auto socket = netlink::Socket::open();
  ASSERT_TRUE(socket);
  std::size_t changeable = 0, fixed = 0;
  for (const std::string device : {"lower", "bridge0"}) {
    const auto link = netlink::link_by_name(*socket, device);
    ASSERT_TRUE(link) << link.error().text;
    const auto features = netlink::features(*link);
    ASSERT_TRUE(features) << features.error().text;
    std::istringstream lines(must_run("ethtool -k " + device));
    for (std::string line; std::getline(lines, line);) {
      const std::string text = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
      const std::string name = text.substr(0, text.find(':'));
      if (!(name.starts_with("rx-") || name.starts_with("tx-")) || other_names.contains(name)) continue;
      const netlink::Feature feature = features->of(name);
      EXPECT_EQ(feature.on, text.contains(": on")) << line;
      EXPECT_EQ(feature.changeable, !text.contains("[fixed]")) << line;
      EXPECT_EQ(feature.on != feature.wanted && feature.changeable, text.contains("[requested")) << line;
      ++(feature.changeable ? changeable : fixed);
    }
  }
  EXPECT_GT(changeable, 5U);
  EXPECT_GT(fixed, 5U);
}

// XDP

TEST_F(ProbeTest, NativeXdpIsOfferedWhereItCanBeAttached) {
  must_run("ip link add bridge0 type bridge && ip tuntap add tap0 mode tap");
  for (const std::string device : {"lower", "tap0", "bridge0"}) {
    const Json found = probe(device);
    if (found.at("native_xdp") == nullptr) GTEST_SKIP() << found.at("why").at("native_xdp");
    bool attaches = true;
    try {
      const ForeignXdp program(ifindex_of(device), ForeignXdp::Mode::native);
      EXPECT_EQ(probe(device).at("xdp").at("programs").at(0).at("id"), program.id());
    } catch (const std::exception&) {
      attaches = false;
    }
    EXPECT_EQ(found.at("native_xdp").at("basic"), attaches) << device;
  }
  EXPECT_EQ(probe("lower").at("native_xdp_gives_up"), "GSO");
}

TEST_F(ProbeTest, NamesWhatIsOnTheXdpHook) {
  EXPECT_EQ(probe("lower").at("xdp"), (Json{{"mode", nullptr}, {"dispatcher", false}, {"programs", Json::array()}}));
  const ForeignXdp program(ifindex_of("lower"), ForeignXdp::Mode::generic);
  EXPECT_EQ(probe("lower").at("xdp"),
            (Json{{"mode", "generic"},
                  {"dispatcher", false},
                  {"programs", Json::array({{{"id", program.id()}, {"name", "foreign_xdp"}}})}}));
}

// The kernel

TEST_F(ProbeTest, DispatcherIsWhatAttachGets) {
  const Json found = probe("lower");
  loader_->must("attach lower --mode native");
  EXPECT_EQ(found.at("dispatcher"), Json::parse(loader_->must("status lower -j")).at("dispatcher"));
  EXPECT_EQ(found.at("dispatcher"), !found.at("why").contains("dispatcher"));
}

TEST_F(ProbeTest, LockdownIsWhatSecurityfsSays) {
  const std::string loader = LoaderCommand::binary() + " --bpffs " + bpffs_->path() + " probe -j lower";
  const CommandResult result =
      run("unshare -m sh -c 'mount -t securityfs none /sys/kernel/security && cat /sys/kernel/security/lockdown && " +
          loader + "'");
  if (result.status != 0) GTEST_SKIP() << "no securityfs with lockdown here: " << result.err;
  const std::string modes = result.out.substr(0, result.out.find('\n'));
  const std::string mode = modes.substr(modes.find('[') + 1, modes.find(']') - modes.find('[') - 1);
  EXPECT_EQ(Json::parse(result.out.substr(modes.size())).at("lockdown"), mode);
}

TEST_F(ProbeTest, LockdownIsUnknownWithoutSecurityfs) {
  const std::string loader = LoaderCommand::binary() + " --bpffs " + bpffs_->path() + " probe -j lower";
  const Json found = Json::parse(
      must_run("unshare -m sh -c 'while umount /sys/kernel/security 2>/dev/null; do :; done; exec " + loader + "'"));
  EXPECT_EQ(found.at("lockdown"), nullptr);
  EXPECT_TRUE(found.at("why").at("lockdown").get<std::string>().starts_with("securityfs is not mounted at "));
}

// What attach would do

TEST_F(ProbeTest, ForecastIsWhatAttachDoes) {
  must_run("ip link add bridge0 type bridge && ip tuntap add tap0 mode tap");
  for (const std::string device : {"lower", "tap0", "bridge0"}) {
    const Json forecast = probe(device).at("attach");
    EXPECT_EQ(probe(device).at("attached"), false);
    const Json attached = Json::parse(loader_->must("attach -j " + device));
    EXPECT_EQ(forecast.at("early_drop"), attached.at("early_drop")) << device;
    EXPECT_TRUE(attached.at("reason").get<std::string>().starts_with(forecast.at("reason").get<std::string>()))
        << attached.at("reason") << " " << forecast.at("reason");
    EXPECT_EQ(probe(device).at("attached"), true);
    EXPECT_EQ(probe(device).at("attach"), forecast);
    loader_->must("detach " + device);
    EXPECT_EQ(probe(device).at("attached"), false);
  }
}

TEST_F(ProbeTest, ChangesNothing) {
  must_run("ip link add link lower name upper type macvtap mode passthru && ip link set upper up");
  const std::string bare = state();
  // A process that looks at devices keeps the program for it: this one may.
  const std::string list = "bpftool prog show | grep -cE 'name rxf_(view|dispatcher|extension) ' || :";
  const std::string loaded = must_run(list);
  loader_->must("probe lower");
  loader_->must("probe upper -j");
  EXPECT_EQ(state(), bare);
  EXPECT_EQ(must_run(list), loaded) << must_run("bpftool prog show");
  loader_->must("attach lower");
  loader_->must("set upper --unicast 02:bb:00:00:00:01");
  const std::string attached = state();
  loader_->must("probe lower");
  EXPECT_EQ(state(), attached);
}

TEST_F(ProbeTest, TextNamesEachThing) {
  const std::string text = loader_->must("probe lower");
  EXPECT_TRUE(text.starts_with("lower: driver veth  kind veth  ifindex ")) << text;
  for (const char* label :
       {"lower device", "unicast filter", "in use", "VLAN filter", "VLAN stripping", "native XDP", "on the XDP hook",
        "kernel", "lockdown", "programs read the device", "libxdp's dispatcher", "attach"})
    EXPECT_NE(text.find(std::string("\n  ") + label + ": "), std::string::npos) << label;
}

}  // namespace
}  // namespace rxf::test
