// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <cerrno>
#include <sstream>

#include "bpf/rx_filter_abi.h"
#include "loader/cli/command_line.h"

namespace rxf::cli {
namespace {

using mirror::ProbeReport;

ProbeReport nic() {
  return {.device = "eth2",
          .ifindex = 4,
          .driver = "igc",
          .mtu = 1500U,
          .attached = true,
          .view = datapath::DeviceView{.unicast_filter = true,
                                       .promiscuity = 2,
                                       .allmulti = 3,
                                       .rx_handler = true,
                                       .unicast_entries = 5,
                                       .vlan_devices = 6},
          .vlan_filter = netlink::Feature{.on = true, .wanted = true, .changeable = true},
          .vlan_stripping = netlink::Feature{.wanted = true, .changeable = true},
          .xdp = netlink::XdpFeatures{.basic = true, .redirect = true},
          .lost_offload = "LRO",
          .restarts_for_xdp = true,
          .xdp_mtu = 1500,
          .programs = datapath::XdpState{.mode = datapath::XdpMode::generic,
                                         .dispatcher = true,
                                         .programs = {{.id = 7, .name = "theirs"}, {.id = 9, .name = "other"}}},
          .kernel = "6.18.0",
          .sight = RXF_SIGHT_PROBE,
          .lockdown = datapath::Lockdown::integrity,
          .attach = mirror::AttachForecast{
              .early = mirror::EarlyHook::xdp_native, .reason = "igc", .dispatcher = true, .judges_vlan = false}};
}

// Where nothing could be found out, or done.
ProbeReport riddle() {
  ProbeReport report{.device =
                         "t\x1b"
                         "0",
                     .ifindex = 5,
                     .kind = "tun",
                     .kernel = "5.18.0"};
  report.driver = system_error(EIO, "driver");
  report.mtu = system_error(EIO, "MTU");
  report.lower = usage_error("t0 is no Ethernet device");
  report.attached = system_error(EIO, "pins");
  report.view = system_error(ENOTSUP, "view");
  report.vlan_filter = system_error(EIO, "offloads");
  report.vlan_stripping = system_error(EIO, "offloads");
  report.xdp = system_error(ENOTSUP, "XDP features");
  report.lost_offload = system_error(EIO, "traits");
  report.programs = system_error(EIO, "XDP programs");
  report.lockdown = system_error(ENOTSUP, "securityfs");
  report.dispatcher = system_error(EPERM, "replace");
  report.attach = usage_error("refused\nfor a reason");
  return report;
}

// Runs `probe` on a report, or an error.
class Probe : public testing::Test {
 protected:
  int run(Result<ProbeReport> report, std::vector<const char*> options = {}, const char* device = "eth2") {
    Operations operations;
    operations.probe = [&](const mirror::Context& context, const std::string& name) {
      calls_ += name + " in " + context.bpffs + "\n";
      return report;
    };
    std::vector<const char*> arguments = {"rxfilter-loader", "--bpffs", "/", "probe"};
    if (device != nullptr) arguments.push_back(device);
    arguments.insert(arguments.end(), options.begin(), options.end());
    const int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    out_.str("");
    err_.str("");
    return run_command_line(count, arguments.data(), out_, err_, operations);
  }

  std::string text_of(const ProbeReport& report) {
    EXPECT_EQ(run(report), 0);
    EXPECT_EQ(err_.str(), "");
    return out_.str();
  }

  Json json_of(const ProbeReport& report) {
    EXPECT_EQ(run(report, {"-j"}), 0);
    EXPECT_EQ(err_.str(), "");
    return Json::parse(out_.str());
  }

  std::string line_of(const ProbeReport& report, const std::string& label) {
    const std::string text = text_of(report);
    const std::size_t start = text.find("  " + label + ": ");
    return start == std::string::npos ? "" : text.substr(start, text.find('\n', start) - start);
  }

  std::ostringstream out_;
  std::ostringstream err_;
  std::string calls_;
};

TEST_F(Probe, TextOfANic) {
  EXPECT_EQ(text_of(nic()),
            "eth2: driver igc  ifindex 4  mtu 1500\n"
            "  lower device: yes, attached\n"
            "  unicast filter: yes\n"
            "  in use: promiscuity 2  allmulti 3  unicast list 5  VLAN devices 6  rx_handler yes\n"
            "  VLAN filter: on, can be switched off\n"
            "  VLAN stripping: off, requested on, can be switched on\n"
            "  native XDP: yes, redirect\n"
            "  native XDP would give up: LRO\n"
            "  native XDP takes an MTU up to: 1500\n"
            "  ! the driver restarts the device when native XDP comes or goes: the link is down meanwhile\n"
            "  on the XDP hook: generic, in libxdp's dispatcher: theirs id 7, other id 9\n"
            "  kernel: 6.18.0\n"
            "  lockdown: integrity\n"
            "  programs read the device: yes, by bpf_probe_read_kernel()\n"
            "  libxdp's dispatcher: yes\n"
            "  attach: igc -> early drop: xdp native, through libxdp's dispatcher; VLANs are left to the guards\n");
  EXPECT_EQ(calls_, "eth2 in /\n");
}

TEST_F(Probe, ProgramsWithoutPinsAreNamed) {
  ProbeReport report = nic();
  report.orphans = std::vector<std::string>{"eth2's guard: do this"};
  EXPECT_TRUE(text_of(report).ends_with("\n  ! eth2's guard: do this\n")) << text_of(report);
  EXPECT_EQ(json_of(report)["problems"], Json::array({"eth2's guard: do this"}));
}

TEST_F(Probe, TextOfWhatIsUnknown) {
  EXPECT_EQ(text_of(riddle()),
            "t?0: kind tun  ifindex 5\n"
            "  lower device: no: t0 is no Ethernet device\n"
            "  unicast filter: unknown: view: Operation not supported\n"
            "  in use: unknown: view: Operation not supported\n"
            "  VLAN filter: unknown: offloads: Input/output error\n"
            "  VLAN stripping: unknown: offloads: Input/output error\n"
            "  native XDP: unknown: XDP features: Operation not supported\n"
            "  native XDP would give up: unknown: traits: Input/output error\n"
            "  on the XDP hook: unknown: XDP programs: Input/output error\n"
            "  kernel: 5.18.0\n"
            "  lockdown: unknown: securityfs: Operation not supported\n"
            "  programs read the device: no: the early drop cannot stand down by itself\n"
            "  libxdp's dispatcher: no: replace: Operation not permitted\n"
            "  attach: refused: refused?for a reason\n");
}

TEST_F(Probe, TextOfFeatures) {
  const auto shown = [&](const netlink::Feature& feature) {
    ProbeReport report;
    report.vlan_filter = feature;
    return line_of(report, "VLAN filter");
  };
  EXPECT_EQ(shown({}), "  VLAN filter: no");
  EXPECT_EQ(shown({.changeable = true}), "  VLAN filter: off, can be switched on");
  EXPECT_EQ(shown({.on = true, .wanted = true}), "  VLAN filter: on, fixed");
  EXPECT_EQ(shown({.on = true}), "  VLAN filter: on, fixed");
  EXPECT_EQ(shown({.on = true, .changeable = true}), "  VLAN filter: on, requested off, can be switched off");
  EXPECT_EQ(shown({.wanted = true}), "  VLAN filter: off, requested on, fixed");
}

TEST_F(Probe, TextOfTheRest) {
  ProbeReport report{.attached = false};
  EXPECT_EQ(line_of(report, "lower device"), "  lower device: yes, not attached");
  report.attached = system_error(EIO, "pins");
  EXPECT_EQ(line_of(report, "lower device"),
            "  lower device: yes; attached or not is unknown: pins: Input/output error");
  report.view = datapath::DeviceView{.promiscuity = 1, .uc_promisc = true};
  EXPECT_EQ(line_of(report, "unicast filter"), "  unicast filter: no");
  EXPECT_EQ(
      line_of(report, "in use"),
      "  in use: promiscuity 1 (1 for the unicast list)  allmulti 0  unicast list 0  VLAN devices 0  rx_handler no");
  EXPECT_EQ(line_of(report, "native XDP"), "  native XDP: no");
  report.xdp = netlink::XdpFeatures{.basic = true, .frags = true};
  EXPECT_EQ(line_of(report, "native XDP"), "  native XDP: yes, frames in fragments");
  EXPECT_EQ(line_of(report, "native XDP would give up"), "");
  EXPECT_EQ(line_of(report, "on the XDP hook"), "  on the XDP hook: nothing");
  report.programs = datapath::XdpState{.mode = datapath::XdpMode::native, .programs = {{.id = 7, .name = "theirs"}}};
  EXPECT_EQ(line_of(report, "on the XDP hook"), "  on the XDP hook: native: theirs id 7");
  report.sight = RXF_SIGHT_CAST;
  EXPECT_EQ(line_of(report, "programs read the device"), "  programs read the device: yes, by bpf_rdonly_cast()");
  report.attach = mirror::AttachForecast{.reason = "veth", .judges_vlan = true};
  EXPECT_EQ(line_of(report, "attach"), "  attach: veth -> early drop: tc; judges VLANs");
  report.attach = mirror::AttachForecast{.early = mirror::EarlyHook::xdp_native, .reason = "igc", .dispatcher = false};
  EXPECT_EQ(line_of(report, "attach"),
            "  attach: igc -> early drop: xdp native, alone on the hook; VLANs are left to the guards");
}

TEST_F(Probe, JsonOfANic) {
  const Json expected = Json::parse(R"({
    "device": "eth2", "ifindex": 4, "kind": null, "driver": "igc", "mtu": 1500,
    "lower_device": true, "attached": true, "problems": [], "unicast_filter": true,
    "in_use": {"promiscuity": 2, "allmulti": 3, "uc_promisc": false, "rx_handler": true,
               "unicast_entries": 5, "vlan_devices": 6},
    "vlan_filter": {"on": true, "requested": true, "changeable": true},
    "vlan_stripping": {"on": false, "requested": true, "changeable": true},
    "native_xdp": {"basic": true, "redirect": true, "frags": false},
    "native_xdp_gives_up": "LRO", "native_xdp_mtu": 1500, "native_xdp_restarts": true,
    "xdp": {"mode": "generic", "dispatcher": true,
            "programs": [{"id": 7, "name": "theirs"}, {"id": 9, "name": "other"}]},
    "kernel": "6.18.0", "lockdown": "integrity", "reads_device": "bpf_probe_read_kernel", "dispatcher": true,
    "attach": {"early_drop": "xdp-native", "reason": "igc", "dispatcher": true, "judges_vlan": false},
    "why": {}})");
  EXPECT_EQ(json_of(nic()).dump(1), expected.dump(1));
}

TEST_F(Probe, JsonOfWhatIsUnknown) {
  const Json expected = Json::parse(R"({
    "device": "t\u001b0", "ifindex": 5, "kind": "tun", "driver": null, "mtu": null,
    "lower_device": false, "attached": null, "problems": [], "unicast_filter": null, "in_use": null,
    "vlan_filter": null, "vlan_stripping": null,
    "native_xdp": null, "native_xdp_gives_up": null, "native_xdp_mtu": null, "native_xdp_restarts": false,
    "xdp": null, "kernel": "5.18.0", "lockdown": null, "reads_device": null, "dispatcher": false, "attach": null,
    "why": {
      "driver": "driver: Input/output error", "mtu": "MTU: Input/output error",
      "lower_device": "t0 is no Ethernet device", "attached": "pins: Input/output error",
      "unicast_filter": "view: Operation not supported", "in_use": "view: Operation not supported",
      "vlan_filter": "offloads: Input/output error", "vlan_stripping": "offloads: Input/output error",
      "native_xdp": "XDP features: Operation not supported", "native_xdp_gives_up": "traits: Input/output error",
      "xdp": "XDP programs: Input/output error", "lockdown": "securityfs: Operation not supported",
      "dispatcher": "replace: Operation not permitted", "attach": "refused\nfor a reason"}})");
  EXPECT_EQ(json_of(riddle()).dump(1), expected.dump(1));
}

TEST_F(Probe, PrettyJsonIsIndented) {
  EXPECT_EQ(run(nic(), {"-j", "-p"}), 0);
  EXPECT_TRUE(out_.str().starts_with("{\n    \"device\": \"eth2\",\n")) << out_.str();
}

TEST_F(Probe, ErrorsAreOneLineAndAStatus) {
  EXPECT_EQ(run(system_error(ENODEV, "no such device: eth2")), 1);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(err_.str(), "rxfilter-loader: no such device: eth2: No such device\n");
}

TEST_F(Probe, WantsOneDevice) {
  EXPECT_EQ(run(nic(), {}, nullptr), 2);
  EXPECT_EQ(run(nic(), {}, "a/b"), 2);
  EXPECT_EQ(run(nic(), {"eth3"}), 2);
  EXPECT_EQ(calls_, "");
  EXPECT_EQ(run(nic(), {"--help"}), 0);
  EXPECT_NE(out_.str().find("attached or not"), std::string::npos) << out_.str();
}

}  // namespace
}  // namespace rxf::cli
