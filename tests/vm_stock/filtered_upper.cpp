// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_stock/filtered_upper.h"

#include <unistd.h>

#include <regex>

#include "tests/support/command.h"
#include "tests/support/host_state.h"

namespace rxf::test {
namespace {

constexpr MacAddress kLower = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr MacAddress kGroup = {{0x01, 0x00, 0x5e, 1, 2, 3}};
constexpr MacAddress kStrangeGroup = {{0x01, 0x00, 0x5e, 9, 9, 9}};
constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

std::vector<Probe> both() {
  std::vector<Probe> all = wanted_probes();
  all.insert(all.end(), unwanted_probes().begin(), unwanted_probes().end());
  return all;
}

std::vector<std::string> names(const std::vector<Probe>& probes) {
  std::vector<std::string> names;
  for (const Probe& probe : probes) names.push_back(probe.name);
  return names;
}

}  // namespace

const std::vector<Probe>& wanted_probes() {
  static const std::vector<Probe> kProbes = {{.name = "own address", .destination = kLower},
                                             {.name = "listed unicast", .destination = kListed},
                                             {.name = "listed multicast", .destination = kGroup},
                                             {.name = "broadcast", .destination = kBroadcast},
                                             {"listed unicast, listed VLAN", kListed, {{.tci = kWantedVlan}}, {}}};
  return kProbes;
}

const std::vector<Probe>& unwanted_probes() {
  static const std::vector<Probe> kProbes = {{.name = "unlisted unicast", .destination = kStranger},
                                             {.name = "unlisted multicast", .destination = kStrangeGroup},
                                             {"listed unicast, unlisted VLAN", kListed, {{.tci = kUnwantedVlan}}, {}},
                                             {"broadcast, unlisted VLAN", kBroadcast, {{.tci = kUnwantedVlan}}, {}}};
  return kProbes;
}

const std::vector<Probe>& upper_probes() {
  static const std::vector<Probe> kProbes = both();
  return kProbes;
}

const Arrivals& wanted_arrivals() {
  static const Arrivals kArrivals = only_arrivals(upper_probes(), names(wanted_probes()));
  return kArrivals;
}

void silence_ipv6() { must_run("sysctl -q -w net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.lo.disable_ipv6=1"); }

void add_upper() {
  must_run("ip link add link lower name upper type macvtap mode passthru && ip link set upper txqueuelen 4096 up");
  wait_until_up({"lower", "upper"});
}

void wait_until_up(const std::vector<std::string>& devices) {
  for (const std::string& device : devices)
    must_run("for i in $(seq 200); do ip link show " + device +
             " | grep -q 'state U' && exit 0; sleep 0.05; done; ip link show " + device + " >&2; exit 1");
}

std::string lasting_state(const std::string& bpffs) {
  static const std::regex kPassing("_timer +[0-9.]+|state (UP|UNKNOWN)");
  return std::regex_replace(host_state(bpffs), kPassing, "");
}

std::string netns_path(int fd) { return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd); }

}  // namespace rxf::test
