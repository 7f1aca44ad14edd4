// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/random_host_machine.h"

#include <linux/if.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "loader/netlink/links.h"
#include "tests/support/command.h"
#include "tests/support/must.h"
#include "tests/support/system_call.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

constexpr std::uint32_t kInFront = 1;
constexpr std::uint32_t kBehind = 900;
// What asks for frames is bound to a protocol that nobody sends, so that nothing is queued there.
constexpr std::uint16_t kSilentProtocol = 0x88f7;

constexpr const char* kSilenceIpv6 =
    "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 && echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6";

// Operational states follow on a work queue (linkwatch), up to a second later.
constexpr const char* kWaitUntilUp =
    "for i in $(seq 200); do ip link show type veth | grep -q 'state [^U]' || exit 0; sleep 0.05; done; exit 1";

// A socket that nothing is sent to: it only joins. IPv4 groups end in the low bytes of their Ethernet address.
Fd joined_udp_socket(const MacAddress& group, std::uint32_t ifindex) {
  Fd socket = checked_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "UDP socket");
  ip_mreqn request{};
  request.imr_ifindex = static_cast<int>(ifindex);
  request.imr_multiaddr.s_addr =
      htonl(239U << 24 | static_cast<std::uint32_t>(group.bytes[3]) << 16 |
            static_cast<std::uint32_t>(group.bytes[4]) << 8 | static_cast<std::uint32_t>(group.bytes[5]));
  checked(setsockopt(socket.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request), "IP_ADD_MEMBERSHIP");
  return socket;
}

std::uint32_t uppers_with_allmulti(netlink::Socket& socket) {
  std::uint32_t found = 0;
  for (const netlink::Link& link : must(netlink::links(socket))) {
    const bool counts = link.is_up() || link.upper_mode == UpperMode::passthru;
    found += link.is_upper() && counts && (link.flags & IFF_ALLMULTI) != 0 ? 1 : 0;
  }
  return found;
}

}  // namespace

HostMachine::HostMachine(const MacAddress& nic) {
  for (const ScratchNamespace* scratch : {&wire_, &elsewhere_, &home_}) {
    const NamespaceSwitch there(scratch->fd());
    must_run(kSilenceIpv6);
  }
  must_run("ip link add nic address " + to_string(nic) + " type veth peer name far netns " + path_of(wire_) +
           " && ip link set nic up");
  {
    const NamespaceSwitch there(wire_.fd());
    must_run("ip link set far up");
    far_ = ifindex_of("far");
    tagger_ = std::make_unique<MetadataTagger>(far_);
    must_run(kWaitUntilUp);
  }
  must_run(kWaitUntilUp);
  ears_.emplace();
}

HostMachine::~HostMachine() {
  daemon_.reset();
  ears_.reset();
}

bool HostMachine::has_vlan_devices() {
  static const bool has = [] {
    const ScratchNamespace scratch;
    return run("ip link add d type veth peer name e && ip link add link d name d.7 type vlan id 7").status == 0;
  }();
  return has;
}

FrameSender HostMachine::wire() const {
  const NamespaceSwitch there(wire_.fd());
  return FrameSender(far_);
}

std::string HostMachine::path_of(const ScratchNamespace& scratch) const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(scratch.fd());
}

void HostMachine::start_daemon() {
  daemon_.emplace(bpffs_.path(), directory_.path(), DaemonProcess::Options{.arguments = {"--look", "3600"}});
  if (!daemon_->wait_for("READY=1")) throw std::runtime_error("the daemon is not ready: " + daemon_->log());
}

void HostMachine::ip(const ModelUpper& where, const std::string& arguments) const {
  const NamespaceSwitch there((where.elsewhere ? elsewhere_ : home_).fd());
  must_run("ip " + arguments);
}

void HostMachine::make_upper(const std::string& name, const ModelUpper& upper) {
  // A PASSTHRU upper has its lower device's.
  const std::string address = upper.mode == UpperMode::passthru ? "" : " address " + to_string(upper.address);
  must_run("ip link add link nic name " + name + address + (upper.elsewhere ? " netns " + path_of(elsewhere_) : "") +
           " type macvtap mode " + std::string(to_string(upper.mode)));
  const NamespaceSwitch there((upper.elsewhere ? elsewhere_ : home_).fd());
  std::string rest = "ip link set " + name + " up txqueuelen 4000";
  for (const MacAddress& source : upper.sources)
    rest += " && ip link set " + name + " type macvtap macaddr add " + to_string(source);
  must_run(rest);
  for (const MacAddress& group : upper.joined) join_upper(name, upper, group);
  ears_->open_tap(name);
}

void HostMachine::join_upper(const std::string& name, const ModelUpper& upper, const MacAddress& group) {
  const NamespaceSwitch there((upper.elsewhere ? elsewhere_ : home_).fd());
  PacketListener listener(ifindex_of(name), kSilentProtocol);
  listener.ask_for(PACKET_MR_MULTICAST, group);
  upper_groups_[name].emplace(group, std::move(listener));
}

void HostMachine::delete_upper(const std::string& name, const ModelUpper& upper) {
  ears_->remove(name);
  ip(upper, "link delete " + name);
  upper_groups_.erase(name);
}

// Whoever has joined groups there stays behind, without them.
void HostMachine::move_upper(const std::string& name) {
  ears_->remove(name);
  upper_groups_.erase(name);
  must_run("ip link set " + name + " netns " + path_of(elsewhere_));
  const NamespaceSwitch there(elsewhere_.fd());
  must_run("ip link set " + name + " up");
  ears_->open_tap(name);
}

void HostMachine::make_vlan(const VlanDevice& device, const MacAddress& address) {
  const std::string name = name_of(device);
  must_run("ip link add link nic name " + name + " address " + to_string(address) + " type vlan protocol " +
           (device.first == kTpidService ? "802.1ad" : "802.1Q") + " id " + std::to_string(device.second) +
           " && ip link set " + name + " up");
  ears_->add_device(name, name);
}

void HostMachine::join(const MacAddress& group, bool by_ip) {
  const std::uint32_t nic = ifindex_of("nic");
  if (by_ip) {
    udp_.emplace(group, joined_udp_socket(group, nic));
    return;
  }
  PacketListener listener(nic, kSilentProtocol);
  listener.ask_for(PACKET_MR_MULTICAST, group);
  packet_.emplace(group, std::move(listener));
}

void HostMachine::leave(const MacAddress& group, bool by_ip) {
  if (by_ip)
    udp_.erase(group);
  else
    packet_.erase(group);
}

void HostMachine::hold_allmulti(bool on) {
  allmulti_.reset();
  if (!on) return;
  allmulti_.emplace(ifindex_of("nic"), kSilentProtocol);
  allmulti_->ask_for(PACKET_MR_ALLMULTI);
}

void HostMachine::put_foreign(const std::string& device, bool in_front, Foreign what) {
  const std::uint32_t ifindex = ifindex_of(device);
  const std::uint32_t priority = in_front ? kInFront : kBehind;
  ForeignActions::remove(ifindex, priority);
  if (what == Foreign::none) return;
  using Action = ForeignActions::Action;
  foreign_.add(ifindex, priority, what == Foreign::ends ? Action::ends : Action::continues);
}

bool HostMachine::has_clsact(const std::string& device) {
  return must_run("tc qdisc show dev " + device).find("clsact") != std::string::npos;
}

std::uint32_t HostMachine::leaked_allmulti(const HostModel& model) const {
  auto socket = must(netlink::Socket::open());
  std::uint32_t explained =
      uppers_with_allmulti(socket) + (model.allmulti_flag ? 1 : 0) + (model.allmulti_socket ? 1 : 0);
  {
    const NamespaceSwitch there(elsewhere_.fd());
    auto other = must(netlink::Socket::open());
    explained += uppers_with_allmulti(other);
  }
  const std::uint32_t count = must(netlink::link_by_name(socket, "nic")).allmulti.value_or(0);
  return count > explained ? count - explained : 0;
}

std::string HostMachine::state() const {
  return run("ip -d link; bridge fdb show dev nic; tc qdisc | grep clsact;"
             "for d in $(ls /sys/class/net >/dev/null; ip -o link show | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'); do"
             "  echo \"$d:\"; tc filter show dev $d ingress; done; cat /proc/net/dev_mcast")
      .out;
}

}  // namespace rxf::test
