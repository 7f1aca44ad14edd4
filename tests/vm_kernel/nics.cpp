// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/nics.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <array>
#include <bit>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "loader/datapath/kernel_types.h"
#include "loader/netlink/links.h"
#include "loader/netlink/rx_filter_link.h"
#include "tests/support/command.h"
#include "tests/support/must.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

// An upper or a VLAN device may have the same address; only a NIC has a `device`.
std::string name_of(const std::string& address) {
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net")) {
    std::string text;
    std::ifstream(entry.path() / "address") >> text;
    if (text == address && std::filesystem::exists(entry.path() / "device")) return entry.path().filename().string();
  }
  throw std::runtime_error("this machine has no NIC with address " + address);
}

void bring_up(const std::string& name, const std::string& as) {
  must_run("ip link set " + name + " down && ip link set " + name + " name " + as + " up");
}

void put_back(const std::string& name, const std::string& as) {
  must_run("ip link set " + as + " down && ip link set " + as + " name " + name);
}

netlink::Link link_of(const std::string& device) {
  netlink::Socket socket = must(netlink::Socket::open());
  return must(netlink::link_by_name(socket, device));
}

}  // namespace

void PrintTo(const Nic& nic, std::ostream* out) { *out << nic.name; }

Wired::Wired(const Nic& nic) : address_(nic.address), lower_(name_of(nic.address)), far_(name_of(nic.peer_address)) {
  silence_ipv6();
  bring_up(far_, "far");
  // What is sent arrives in the order in which it was sent, which a queue for each flow, or one for each processor,
  // would not ensure.
  must_run("tc qdisc replace dev far root pfifo");
  bring_up(lower_, "lower");
  wait_until_up("far");
  wait_until_up("lower");
}

Wired::~Wired() {
  try {
    put_back(lower_, "lower");
    put_back(far_, "far");
    must_run("ip link set " + lower_ + " address " + address_);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";  // the next Wired finds no such NIC
  }
}

PassthruUpper::PassthruUpper(const std::string& kind) : kind_(kind), socket_(must(netlink::Socket::open())) {
  must_run("ip link add link lower name upper type " + kind + " mode passthru && ip link set upper up");
  ifindex_ = ifindex_of("upper");
  wait_until_up("upper");
}

PassthruUpper::~PassthruUpper() { run("ip link del upper"); }

void PassthruUpper::set(const FilterChange& change) {
  must(netlink::set_rx_filter(socket_, datapath::rx_filter_attribute().value(), ifindex_, change));
}

FilterSet PassthruUpper::filter() {
  auto filter = must(netlink::get_rx_filter(socket_, datapath::rx_filter_attribute().value(), ifindex_));
  if (!filter) throw std::runtime_error("the kernel does not say what the filter is");
  return std::move(*filter);
}

void PassthruUpper::set_nopromisc(bool on) {
  const std::uint16_t wanted = on ? std::uint16_t{MACVLAN_FLAG_NOPROMISC} : std::uint16_t{0};
  const auto flags = std::bit_cast<std::array<std::uint8_t, sizeof wanted>>(wanted);
  netlink::Message request(RTM_NEWLINK, 0);
  request.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(ifindex_)});
  request.put_nest(IFLA_LINKINFO, [&] {
    request.put_text(IFLA_INFO_KIND, kind_);
    request.put_nest(IFLA_INFO_DATA, [&] { request.put(IFLA_MACVLAN_FLAGS, flags); });
  });
  must(socket_.request(request.header()));
}

void silence_ipv6() {
  must_run("for i in all default; do f=/proc/sys/net/ipv6/conf/$i/disable_ipv6; [ ! -e $f ] || echo 1 >$f; done");
}

void wait_until_up(const std::string& device) {
  must_run("for i in $(seq 400); do ip link show " + device +
           " | grep -q 'state U' && exit 0; sleep 0.05; done; ip link show " + device + " >&2; exit 1");
}

std::uint32_t promiscuity_of(const std::string& device) { return link_of(device).promiscuity; }

MacAddress address_of(const std::string& device) { return link_of(device).address; }

AddressSet multicast_list_of(const std::string& device) {
  AddressSet addresses;
  std::istringstream lines(must_run("cat /proc/net/dev_mcast"));
  // "4    lower           1     0     333300000001"
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string ifindex, name, users, global, digits;
    fields >> ifindex >> name >> users >> global >> digits;
    if (name != device) continue;
    std::string text = digits.substr(0, 2);
    for (std::size_t i = 2; i < digits.size(); i += 2) text += ":" + digits.substr(i, 2);
    addresses.insert(must(MacAddress::parse(text)));
  }
  return addresses;
}

}  // namespace rxf::test
