// SPDX-License-Identifier: GPL-2.0-only
// The host, and whoever comes after the last command: nothing of theirs is lost, at any time, and no command is needed.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <thread>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/steady_traffic.h"
#include "tests/support/system_call.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using mirror::AttachMode;

constexpr MacAddress kLower = {{0x02, 0xee, 0, 0, 0, 1}};
constexpr MacAddress kFar = {{0x02, 0xee, 0, 0, 0, 2}};
constexpr MacAddress kUpper = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr MacAddress kNew = {{0x02, 0xaa, 0, 0, 0, 9}};       // of what comes later
constexpr MacAddress kFurther = {{0x02, 0xbb, 0, 0, 0, 1}};   // in the filter set
constexpr MacAddress kGroup = {{0x01, 0x00, 0x5e, 1, 2, 3}};  // in the filter set
constexpr MacAddress kStranger = {{0x02, 0xcc, 0, 0, 0, 1}};
constexpr MacAddress kStrangeGroup = {{0x01, 0x00, 0x5e, 9, 9, 9}};
constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

FilterSet filter() {
  FilterSet set;
  set.addresses =
      AddressFilter{.flags = {.broadcast = true, .multicast = true}, .unicast = {kFurther}, .multicast = {kGroup}};
  return set;
}

// far (192.0.2.2) ==veth== lower (192.0.2.1) <-- the uppers; far and lower are in namespaces of their own, and there is
// a third one to move uppers to. The calling thread is in lower's.
class HostTest : public testing::TestWithParam<AttachMode> {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
    bpffs_.emplace();
    context_.bpffs = bpffs_->path();
    for (auto* scratch : {&far_, &elsewhere_, &home_}) {
      scratch->emplace();
      must_run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
    }
    must_run("ip link add lower address " + to_string(kLower) + " type veth peer name far address " + to_string(kFar) +
             " netns " + path_of(*far_));
    must_run(bring_up("lower", "1"));
    at(*far_, bring_up("far", "2"));
    wait_until_up("lower");
  }

  void TearDown() override {
    home_.reset();
    elsewhere_.reset();
    far_.reset();
  }

  static std::string path_of(const ScratchNamespace& scratch) {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(scratch.fd());
  }

  static std::string bring_up(const std::string& device, const std::string& number) {
    return "echo 0 > /proc/sys/net/ipv6/conf/" + device + "/disable_ipv6 && ip link set " + device +
           " up && ip address add 192.0.2." + number + "/24 dev " + device + " && ip address add 2001:db8::" + number +
           "/64 dev " + device + " nodad";
  }

  static std::string at(const ScratchNamespace& scratch, const std::string& command) {
    const NamespaceSwitch there(scratch.fd());
    return must_run(command);
  }

  // Operational states follow on a work queue (linkwatch), up to a second later.
  void wait_until_up(const std::string& device) const {
    const std::string wait =
        "for i in $(seq 100); do ip -o link show NAME | grep -q 'state UP' && exit 0; sleep 0.05; "
        "done; exit 1";
    must_run(std::string(wait).replace(wait.find("NAME"), 4, device));
    at(*far_, std::string(wait).replace(wait.find("NAME"), 4, "far"));
  }

  static std::string make_upper(const std::string& name, const std::string& kind, const std::string& mode,
                                const MacAddress& address, const std::string& more = "") {
    // A PASSTHRU upper begins with its lower device's address, whatever it is given.
    return "ip link add link lower name " + name + " address " + to_string(address) + " " + more + " type " + kind +
           " mode " + mode;
  }

  static std::string start(const std::string& name) {
    return "ip link set " + name + " up txqueuelen 5000 && ip maddr add " + to_string(kGroup) + " dev " + name;
  }

  // `upper`, filtered.
  void make_filtered(const std::string& mode) {
    must_run(make_upper("upper", "macvtap", mode, kUpper));
    if (mode == "passthru") must_run("ip link set upper address " + to_string(kUpper));
    must_run(start("upper"));
    attach();
    set("upper", filter());
  }

  void attach() {
    const auto result = mirror::attach(context_, "lower", {.mode = GetParam()});
    if (!result) throw std::runtime_error(result.error().text);
  }

  void set(const std::string& upper, const FilterSet& wanted) {
    const auto done = mirror::set(context_, upper, {.whole = wanted});
    if (!done) throw std::runtime_error(done.error().text);
  }

  [[nodiscard]] std::uint64_t early_drops(Verdict reason) const {
    const auto status = mirror::status(context_, "lower");
    if (!status) throw std::runtime_error(status.error().text);
    return status->early_counters.dropped.at(reason).packets;
  }

  [[nodiscard]] FrameSender sender() const {
    const NamespaceSwitch there(far_->fd());
    return FrameSender(ifindex_of("far"));
  }

  // How many of some frames to there the early drop takes; all is kFrames.
  static constexpr std::uint64_t kFrames = 20;
  std::uint64_t dropped_of_frames_to(const MacAddress& destination) const {
    // One that listens to everything would be let have the multicast of a PASSTHRU upper.
    Ear end{PacketListener(ifindex_of("lower"), kEndType)};
    const Verdict reason = destination.is_group() ? Verdict::multicast : Verdict::unicast;
    const std::uint64_t before = early_drops(reason);
    FrameSender wire = sender();
    for (std::uint64_t i = 0; i < kFrames; ++i) wire.send(to_bytes({.destination = destination}));
    // What is always let through comes after them.
    wire.send(to_bytes({.destination = kControl, .ether_type = kEndType, .payload = to_payload({.sequence = 1})}));
    EXPECT_EQ(to_string(end.missing({1})), "none");
    return early_drops(reason) - before;
  }
  static constexpr std::uint16_t kEndType = 0x88b6;  // the other one for local experiments
  static constexpr MacAddress kControl = {{0x01, 0x80, 0xc2, 0, 0, 0x0e}};

  [[nodiscard]] static Ear tap_of(const std::string& name) { return Ear(TapReader(name)); }
  [[nodiscard]] static Ear host_of(const std::string& name = "lower") { return Ear(PacketListener(ifindex_of(name))); }

  std::optional<ScratchBpffs> bpffs_;
  mirror::Context context_;
  std::optional<ScratchNamespace> far_;
  std::optional<ScratchNamespace> elsewhere_;
  std::optional<ScratchNamespace> home_;
};

INSTANTIATE_TEST_SUITE_P(Hooks, HostTest, testing::Values(AttachMode::tc, AttachMode::native),
                         [](const auto& row) { return std::string(row.param == AttachMode::tc ? "Tc" : "Native"); });

// What was sent to these from one number to another; all of it must come.
void expect_all(Ear& ear, const SteadyTraffic& traffic, const std::vector<MacAddress>& destinations,
                std::uint64_t begin, std::uint64_t end, const std::string& who) {
  for (const MacAddress& destination : destinations) {
    const Numbers wanted = traffic.numbers(destination, begin, end);
    EXPECT_FALSE(wanted.empty()) << who << ": nothing was sent to " << rxf::to_string(destination);
    EXPECT_EQ(to_string(ear.missing(wanted)), "none") << who << ": to " << rxf::to_string(destination);
  }
}

// Addresses of the two ends, as sockets take them.
sockaddr_storage ip(const std::string& text, std::uint16_t port) {
  sockaddr_storage storage{};
  if (text.find(':') == std::string::npos) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    inet_pton(AF_INET, text.c_str(), &v4.sin_addr);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr);
  }
  return storage;
}

// Gives up after some seconds whatever it waits for.
Fd ip_socket(const ScratchNamespace& scratch, const sockaddr_storage& address, int type) {
  const NamespaceSwitch there(scratch.fd());
  Fd made = checked_fd(socket(address.ss_family, type | SOCK_CLOEXEC, 0), "socket");
  const timeval patience{.tv_sec = 3};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    checked(setsockopt(made.get(), SOL_SOCKET, option, &patience, sizeof patience), "timeout");
  return made;
}

const sockaddr* plain(const sockaddr_storage& address) { return reinterpret_cast<const sockaddr*>(&address); }

struct End {
  const ScratchNamespace& place;
  const char* address;
};

// Connects from one end to the other, and sends that many bytes. Returns how many came, each as it was.
std::size_t transfer(const End& from, const End& to, std::size_t size) {
  constexpr std::uint16_t kPort = 7777;
  const sockaddr_storage server = ip(to.address, kPort);
  const Fd listener = ip_socket(to.place, server, SOCK_STREAM);
  const int yes = 1;
  checked(setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "SO_REUSEADDR");
  checked(bind(listener.get(), plain(server), sizeof server), "bind");
  checked(listen(listener.get(), 1), "listen");
  const Fd client = ip_socket(from.place, server, SOCK_STREAM);
  checked(connect(client.get(), plain(server), sizeof server), "connect");
  const Fd connection = checked_fd(accept(listener.get(), nullptr, nullptr), "accept");

  const auto byte_at = [](std::size_t position) { return static_cast<std::uint8_t>(position % 251); };
  std::thread writer([&] {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = byte_at(i);
    for (std::size_t sent = 0; sent < size;) {
      const ssize_t done = send(client.get(), bytes.data() + sent, size - sent, MSG_NOSIGNAL);
      if (done <= 0) break;
      sent += static_cast<std::size_t>(done);
    }
    shutdown(client.get(), SHUT_WR);
  });
  std::size_t good = 0;
  std::array<std::uint8_t, 65536> buffer{};
  for (bool same = true; same;) {
    const ssize_t length = recv(connection.get(), buffer.data(), buffer.size(), 0);
    if (length <= 0) break;
    for (std::size_t i = 0; i < static_cast<std::size_t>(length) && same; ++i)
      if ((same = buffer.at(i) == byte_at(good))) ++good;
  }
  writer.join();
  return good;
}

// Each way at once over IPv4 and IPv6.
TEST_P(HostTest, TcpRuns) {
  make_filtered("bridge");
  constexpr std::size_t kBytes = 4 << 20;
  ASSERT_EQ(dropped_of_frames_to(kStranger), kFrames);
  for (const auto& [here, there] : {std::pair{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8::2"}}) {
    EXPECT_EQ(transfer({*home_, here}, {*far_, there}, kBytes), kBytes) << here;
    EXPECT_EQ(transfer({*far_, there}, {*home_, here}, kBytes), kBytes) << here;
  }
}

// One datagram, which needs the neighbour resolved first.
bool datagram_arrives(const End& from, const End& to) {
  constexpr std::uint16_t kPort = 7778;
  const sockaddr_storage server = ip(to.address, kPort);
  const Fd receiver = ip_socket(to.place, server, SOCK_DGRAM);
  checked(bind(receiver.get(), plain(server), sizeof server), "bind");
  const Fd sender = ip_socket(from.place, server, SOCK_DGRAM);
  checked(static_cast<int>(sendto(sender.get(), "?", 1, 0, plain(server), sizeof server)), "sendto");
  char answer = 0;
  return recv(receiver.get(), &answer, 1, 0) == 1 && answer == '?';
}

TEST_P(HostTest, NeighboursAreResolvedAnew) {
  make_filtered("bridge");
  for (const auto& [here, there] : {std::pair{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8::2"}}) {
    for (const bool outwards : {true, false}) {
      must_run("ip neigh flush dev lower");
      at(*far_, "ip neigh flush dev far");
      const End home{*home_, here};
      const End far{*far_, there};
      EXPECT_TRUE(outwards ? datagram_arrives(home, far) : datagram_arrives(far, home)) << here << " " << outwards;
    }
    EXPECT_NE(must_run(std::string("ip neigh show dev lower ") + there).find(to_string(kFar)), std::string::npos);
    EXPECT_NE(at(*far_, std::string("ip neigh show dev far ") + here).find(to_string(kLower)), std::string::npos);
  }
}

// A UDP socket on the host that waits for a group, or for broadcast.
struct GroupSocket {
  Fd receiver;
  Fd wire;
  sockaddr_storage to;
};

// What was sent there from the far end and came.
std::uint64_t received(const GroupSocket& socket, std::uint64_t count) {
  std::uint64_t came = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    checked(static_cast<int>(sendto(socket.wire.get(), "!", 1, 0, plain(socket.to), sizeof socket.to)), "sendto");
    char byte = 0;
    came += recv(socket.receiver.get(), &byte, 1, 0) == 1 ? 1 : 0;
  }
  return came;
}

GroupSocket socket_for(const ScratchNamespace& home, const ScratchNamespace& far, const char* address) {
  constexpr std::uint16_t kPort = 7779;
  const sockaddr_storage to = ip(address, kPort);
  GroupSocket made{.receiver = ip_socket(home, to, SOCK_DGRAM), .wire = ip_socket(far, to, SOCK_DGRAM), .to = to};
  const sockaddr_storage any = ip("0.0.0.0", kPort);
  checked(bind(made.receiver.get(), plain(any), sizeof any), "bind");
  const in_addr from =
      reinterpret_cast<const sockaddr_in&>(static_cast<const sockaddr_storage&>(ip("192.0.2.2", 0))).sin_addr;
  checked(setsockopt(made.wire.get(), IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from), "IP_MULTICAST_IF");
  const int yes = 1;
  checked(setsockopt(made.wire.get(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), "SO_BROADCAST");
  return made;
}

void join(const GroupSocket& socket) {
  ip_mreqn membership{.imr_multiaddr = reinterpret_cast<const sockaddr_in&>(socket.to).sin_addr,
                      .imr_address = {},
                      .imr_ifindex = static_cast<int>(ifindex_of("lower"))};
  checked(setsockopt(socket.receiver.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership), "join");
}

// Beside a PASSTHRU upper too, to which macvlan hands no more than a copy of them.
TEST_P(HostTest, GroupsJoinedAfterwardsAreReceived) {
  for (const char* mode : {"bridge", "passthru"}) {
    SCOPED_TRACE(mode);
    make_filtered(mode);
    const GroupSocket socket = socket_for(*home_, *far_, "239.1.2.99");
    join(socket);
    EXPECT_EQ(received(socket, kFrames), kFrames);
    must_run("ip link delete upper");
  }
}

TEST_P(HostTest, BroadcastIsReceivedWhateverTheUpperAsksFor) {
  for (const char* mode : {"bridge", "passthru"}) {
    SCOPED_TRACE(mode);
    make_filtered(mode);
    FilterSet none = filter();
    none.addresses->flags.broadcast = false;
    set("upper", none);
    EXPECT_EQ(received(socket_for(*home_, *far_, "192.0.2.255"), kFrames), kFrames);
    EXPECT_EQ(early_drops(Verdict::broadcast), 0U);
    must_run("ip link delete upper");
  }
}

// Each of these is somebody on the host who wants the group, and nobody wants it any more when they are gone.
TEST_P(HostTest, WhoListensToAGroupBesidePassthruReceivesIt) {
  at(*far_, "echo 1 > /proc/sys/net/ipv6/conf/far/disable_ipv6");
  make_filtered("passthru");
  EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), kFrames);
  const std::string entry = rxf::to_string(kStrangeGroup) + " dev lower";
  must_run("ip maddr add " + entry);
  EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), 0U) << "on the device's list";
  must_run("ip maddr del " + entry);
  EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), kFrames);
  {
    PacketListener member(ifindex_of("lower"), kEndType);
    member.ask_for(PACKET_MR_MULTICAST, kStrangeGroup);
    EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), 0U) << "a membership of a packet socket";
  }
  EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), kFrames);
  {
    const PacketListener listener(ifindex_of("lower"));
    EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), 0U) << "a packet socket for its EtherType";
    EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
  }
  EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), kFrames);
}

TEST_P(HostTest, AFurtherAddressOfTheLowerDeviceIsReceived) {
  make_filtered("bridge");
  const std::string entry = to_string(kStranger) + " dev lower self";
  EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
  must_run("bridge fdb add " + entry);
  Ear host = host_of();
  SteadyTraffic traffic(sender(), {kStranger, kLower});
  traffic.run_on();
  traffic.stop();
  expect_all(host, traffic, {kStranger, kLower}, 0, traffic.now(), "the host");
  must_run("bridge fdb del " + entry);
  EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
}

// A VLAN device takes its frames before macvlan does, whatever their address.
TEST_P(HostTest, AVlanDeviceMadeAfterwardsReceives) {
  constexpr std::uint16_t kVid = 7;
  const std::string make = "ip link add link lower name lower.7 type vlan id " + std::to_string(kVid);
  if (const CommandResult made = run(make); made.status != 0) GTEST_SKIP() << "no VLAN devices here: " << made.err;
  must_run("ip link delete lower.7");
  for (const char* mode : {"bridge", "passthru"}) {
    SCOPED_TRACE(mode);
    make_filtered(mode);
    FilterSet untagged = filter();
    untagged.vlans.emplace();
    set("upper", untagged);
    must_run(make + " && ip link set lower.7 up");
    Ear device = host_of("lower.7");
    const std::string lower = must_run("ip -o link show lower | sed 's/.*ether //; s/ .*//' | tr -d '\n'");
    FrameSender wire = sender();
    std::uint64_t number = 0;
    Numbers wanted;
    for (const MacAddress& destination : {MacAddress::parse(lower).value(), kBroadcast, kStrangeGroup, kStranger}) {
      wanted.insert(number);
      wire.send(to_bytes(
          {.destination = destination, .tags = {{.tci = kVid}}, .payload = to_payload({.sequence = number++})}));
    }
    EXPECT_EQ(to_string(device.missing(wanted)), "none");
    must_run("ip link delete lower.7 && ip link delete upper");
  }
}

// tcpdump asks for PACKET_MR_PROMISC.
TEST_P(HostTest, WhoMakesTheDevicePromiscuousSeesEverything) {
  for (const char* mode : {"bridge", "passthru"}) {
    SCOPED_TRACE(mode);
    make_filtered(mode);
    const bool alone = mode == std::string("passthru");
    EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
    {
      SteadyTraffic traffic(sender(), {kStranger, kStrangeGroup, kUpper});
      // A PASSTHRU upper leaves the host no unicast frame: only what looks before it does sees them.
      PacketListener listener(ifindex_of("lower"), alone ? PacketListener::kAnyProtocol : kEtherTypeExperimental);
      traffic.run_on();
      listener.ask_for(PACKET_MR_PROMISC);
      const std::uint64_t begin = traffic.now();
      Ear ear(std::move(listener));
      traffic.run_on();
      traffic.stop();
      expect_all(ear, traffic, {kStranger, kStrangeGroup}, begin, traffic.now(), "tcpdump");
      EXPECT_EQ(dropped_of_frames_to(kStranger), 0U);
    }
    EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
    must_run("ip link set lower promisc on");
    EXPECT_EQ(dropped_of_frames_to(kStranger), 0U);
    must_run("ip link set lower promisc off");
    EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
    must_run("ip link delete upper");
  }
}

TEST_P(HostTest, WhoAsksForAllMulticastBesidePassthruSeesIt) {
  // Its own multicast would be counted too.
  at(*far_, "echo 1 > /proc/sys/net/ipv6/conf/far/disable_ipv6");
  make_filtered("passthru");
  EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), kFrames);
  {
    SteadyTraffic traffic(sender(), {kStrangeGroup, kGroup});
    PacketListener listener(ifindex_of("lower"));
    traffic.run_on();
    listener.ask_for(PACKET_MR_ALLMULTI);
    const std::uint64_t begin = traffic.now();
    Ear ear(std::move(listener));
    traffic.run_on();
    traffic.stop();
    expect_all(ear, traffic, {kStrangeGroup, kGroup}, begin, traffic.now(), "who asked");
    EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), 0U);
    EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
  }
  EXPECT_EQ(dropped_of_frames_to(kStrangeGroup), kFrames);
}

struct Newcomer {
  const char* kind;
  const char* mode;
  bool elsewhere;
};

TEST_P(HostTest, WhoComesLaterReceivesAtOnce) {
  make_filtered("bridge");
  Ear host = host_of();
  Ear upper = tap_of("upper");
  EXPECT_EQ(dropped_of_frames_to(kNew), kFrames);
  const std::vector<MacAddress> own = {kNew, kBroadcast, kGroup};
  SteadyTraffic traffic(sender(), {kNew, kBroadcast, kGroup, kLower, kUpper, kFurther});
  for (const Newcomer& row : {Newcomer{"macvtap", "bridge", false},
                              {"macvtap", "private", false},
                              {"macvtap", "vepa", false},
                              {"macvlan", "bridge", false},
                              {"macvlan", "private", true},
                              {"macvtap", "bridge", true},
                              {"macvtap", "vepa", true}}) {
    const std::string who = std::string(row.kind) + " " + row.mode + (row.elsewhere ? ", elsewhere" : "");
    must_run(make_upper("newcomer", row.kind, row.mode, kNew, row.elsewhere ? "netns " + path_of(*elsewhere_) : ""));
    {
      const NamespaceSwitch there(row.elsewhere ? elsewhere_->fd() : home_->fd());
      must_run(start("newcomer"));
      Ear ear = row.kind == std::string("macvtap") ? tap_of("newcomer") : host_of("newcomer");
      const std::uint64_t begin = traffic.now();
      traffic.run_on();
      expect_all(ear, traffic, own, begin, traffic.now() - 1, who);
      must_run("ip link delete newcomer");
    }
    (void)upper.heard();
  }
  traffic.stop();
  expect_all(host, traffic, {kLower, kBroadcast, kGroup}, 0, traffic.now(), "the host");
  expect_all(upper, traffic, {kUpper, kFurther, kBroadcast, kGroup}, 0, traffic.now(), "upper");
  EXPECT_EQ(dropped_of_frames_to(kNew), kFrames);
}

TEST_P(HostTest, AFurtherAddressOfWhoIsGoneServesItsNextOwner) {
  make_filtered("bridge");
  for (const bool moved : {false, true}) {
    SCOPED_TRACE(moved ? "moved" : "deleted");
    must_run(moved ? "ip link set upper netns " + path_of(*elsewhere_) : "ip link delete upper");
    must_run(make_upper("newcomer", "macvtap", "bridge", kFurther) + " && " + start("newcomer"));
    Ear ear = tap_of("newcomer");
    SteadyTraffic traffic(sender(), {kFurther, kBroadcast});
    traffic.run_on();
    traffic.stop();
    expect_all(ear, traffic, {kFurther, kBroadcast}, 0, traffic.now(), "newcomer");
    must_run("ip link delete newcomer");
    if (!moved) make_filtered("bridge");
  }
}

// macvlan itself delivers by an upper's own address, whatever filter set another one has.
TEST_P(HostTest, WhoTakesAFurtherAddressOfAnotherAsItsOwnReceivesIt) {
  make_filtered("bridge");
  for (const bool elsewhere : {false, true}) {
    SCOPED_TRACE(elsewhere ? "elsewhere" : "beside it");
    must_run(make_upper("newcomer", "macvtap", "bridge", kFurther, elsewhere ? "netns " + path_of(*elsewhere_) : ""));
    const NamespaceSwitch there(elsewhere ? elsewhere_->fd() : home_->fd());
    must_run(start("newcomer"));
    Ear ear = tap_of("newcomer");
    SteadyTraffic traffic(sender(), {kFurther, kBroadcast});
    traffic.run_on();
    traffic.stop();
    expect_all(ear, traffic, {kFurther, kBroadcast}, 0, traffic.now(), "newcomer");
    must_run("ip link delete newcomer");
  }
}

// A macvlan has the host's IP stack behind it, which takes only what is addressed to it.
TEST_P(HostTest, AFurtherAddressServesAnIpStackToo) {
  must_run(make_upper("upper", "macvlan", "bridge", kUpper) + " && " + start("upper") +
           " && ip address add 198.51.100.1/24 dev upper");
  at(*far_, "ip address add 198.51.100.2/24 dev far && ip neigh add 198.51.100.1 lladdr " + to_string(kUpper) +
                " nud permanent dev far");
  attach();
  set("upper", filter());
  const End far{*far_, "198.51.100.2"};
  const End container{*home_, "198.51.100.1"};
  EXPECT_TRUE(datagram_arrives(far, container)) << "to its own address";
  at(*far_, "ip neigh replace 198.51.100.1 lladdr " + to_string(kFurther) + " nud permanent dev far");
  EXPECT_TRUE(datagram_arrives(far, container)) << "to a further one";
}

TEST_P(HostTest, AChangedAddressIsReceivedAtOnce) {
  make_filtered("bridge");
  must_run(make_upper("sibling", "macvtap", "bridge", kStranger) + " && " + start("sibling"));
  constexpr MacAddress kSiblingsNew = {{0x02, 0xaa, 0, 0, 0, 8}};
  constexpr MacAddress kHostsNew = {{0x02, 0xaa, 0, 0, 0, 7}};
  Ear host = host_of();
  Ear upper = tap_of("upper");
  Ear sibling = tap_of("sibling");
  SteadyTraffic traffic(sender(), {kNew, kSiblingsNew, kHostsNew, kFurther, kBroadcast});
  const auto change = [](const std::string& name, const MacAddress& address) {
    must_run("ip link set " + name + " address " + to_string(address));
  };
  change("upper", kNew);
  const std::uint64_t uppers = traffic.now();
  change("sibling", kSiblingsNew);
  const std::uint64_t siblings = traffic.now();
  change("lower", kHostsNew);
  const std::uint64_t hosts = traffic.now();
  traffic.run_on();
  traffic.stop();
  // While it changes, macvlan itself passes it no broadcast or multicast.
  expect_all(upper, traffic, {kNew, kBroadcast}, uppers, traffic.now(), "upper");
  expect_all(upper, traffic, {kFurther}, 0, traffic.now(), "upper");
  expect_all(sibling, traffic, {kSiblingsNew}, siblings, traffic.now(), "sibling");
  expect_all(host, traffic, {kHostsNew}, hosts, traffic.now(), "the host");
  expect_all(host, traffic, {kBroadcast}, 0, traffic.now(), "the host");
  EXPECT_EQ(dropped_of_frames_to({{0x02, 0xcc, 0, 0, 0, 9}}), kFrames);
}

TEST_P(HostTest, AChangedAddressOfAPassthruUpperIsReceivedAtOnce) {
  make_filtered("passthru");
  constexpr MacAddress kSecond = {{0x02, 0xaa, 0, 0, 0, 8}};
  Ear upper = tap_of("upper");
  EXPECT_EQ(dropped_of_frames_to(kNew), kFrames);
  SteadyTraffic traffic(sender(), {kNew, kSecond, kFurther, kBroadcast, kGroup});
  must_run("ip link set upper address " + to_string(kNew));
  const std::uint64_t first = traffic.now();
  traffic.run_on();
  const std::uint64_t end = traffic.now();
  traffic.run_on();  // macvlan queues multicast: what was sent until then has come before it changes again
  must_run("ip link set lower address " + to_string(kSecond));
  const std::uint64_t second = traffic.now();
  traffic.run_on();
  traffic.stop();
  // While it changes, macvlan itself passes it no broadcast or multicast.
  expect_all(upper, traffic, {kNew, kBroadcast, kGroup}, first, end, "upper");
  expect_all(upper, traffic, {kSecond, kBroadcast, kGroup}, second, traffic.now(), "upper");
  expect_all(upper, traffic, {kFurther}, 0, traffic.now(), "upper");
  EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
}

// A filter set stays behind: whoever moves is unfiltered.
TEST_P(HostTest, WhoMovesAwayReceivesEverythingOfItsOwn) {
  make_filtered("bridge");
  must_run(make_upper("sibling", "macvtap", "bridge", kNew) + " && " + start("sibling"));
  Ear host = host_of();
  SteadyTraffic traffic(sender(), {kUpper, kNew, kBroadcast, kGroup, kLower});
  for (const auto& [name, address] : {std::pair{std::string("sibling"), kNew}, {"upper", kUpper}}) {
    must_run("ip link set " + name + " netns " + path_of(*elsewhere_));
    const NamespaceSwitch there(elsewhere_->fd());
    must_run(start(name));
    Ear ear = tap_of(name);
    const std::uint64_t begin = traffic.now();
    traffic.run_on();
    expect_all(ear, traffic, {address, kBroadcast, kGroup}, begin, traffic.now() - 1, name);
  }
  traffic.stop();
  expect_all(host, traffic, {kLower, kBroadcast, kGroup}, 0, traffic.now(), "the host");
}

TEST_P(HostTest, APassthruUpperThatMovesAwayReceivesEverything) {
  make_filtered("passthru");
  EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
  SteadyTraffic traffic(sender(), {kUpper, kStranger, kFurther, kBroadcast, kGroup});
  must_run("ip link set upper netns " + path_of(*elsewhere_));
  {
    const NamespaceSwitch there(elsewhere_->fd());
    must_run(start("upper"));
    Ear ear = tap_of("upper");
    const std::uint64_t begin = traffic.now();
    traffic.run_on();
    traffic.stop();
    expect_all(ear, traffic, {kUpper, kStranger, kFurther, kBroadcast, kGroup}, begin, traffic.now(), "upper");
  }
  EXPECT_EQ(dropped_of_frames_to(kStranger), 0U);
}

TEST_P(HostTest, WhoIsDeletedTakesNothingAlong) {
  make_filtered("bridge");
  must_run(make_upper("sibling", "macvtap", "vepa", kNew) + " && " + start("sibling"));
  must_run(make_upper("third", "macvlan", "private", kStranger) + " && " + start("third"));
  Ear host = host_of();
  Ear sibling = tap_of("sibling");
  SteadyTraffic traffic(sender(), {kNew, kBroadcast, kGroup, kLower});
  traffic.run_on();
  must_run("ip link delete third");
  traffic.run_on();
  must_run("ip link delete upper");
  traffic.run_on();
  const std::uint64_t end = traffic.now() - 1;
  expect_all(sibling, traffic, {kNew, kBroadcast, kGroup}, 0, end, "sibling");
  must_run("ip link delete sibling");
  traffic.run_on();
  traffic.stop();
  expect_all(host, traffic, {kBroadcast, kGroup, kLower}, 0, traffic.now(), "the host");
  EXPECT_EQ(dropped_of_frames_to({{0x02, 0xcc, 0, 0, 0, 9}}), 0U) << "nobody is left";
}

TEST_P(HostTest, APassthruUpperMakesRoomForOthers) {
  make_filtered("passthru");
  EXPECT_EQ(dropped_of_frames_to(kStranger), kFrames);
  must_run("ip link delete upper");
  Ear host = host_of();
  {
    SteadyTraffic traffic(sender(), {kUpper, kStranger, kStrangeGroup});
    traffic.run_on();
    traffic.stop();
    expect_all(host, traffic, {kUpper, kStranger, kStrangeGroup}, 0, traffic.now(), "the host, alone");
  }
  must_run(make_upper("newcomer", "macvtap", "bridge", kNew) + " && " + start("newcomer"));
  Ear newcomer = tap_of("newcomer");
  Ear host_again = host_of();
  // The PASSTHRU upper's address is the lower device's.
  SteadyTraffic traffic(sender(), {kUpper, kNew, kBroadcast, kGroup, kStrangeGroup});
  traffic.run_on();
  traffic.stop();
  expect_all(newcomer, traffic, {kNew, kBroadcast, kGroup}, 0, traffic.now(), "newcomer");
  expect_all(host_again, traffic, {kUpper, kBroadcast, kGroup, kStrangeGroup}, 0, traffic.now(), "the host");
}

// Links come, go and change at random, and so do those who listen beside them; rxfilter is told of it seldom.
class RandomEvents {
 public:
  struct Places {
    const ScratchNamespace& home;
    const ScratchNamespace& elsewhere;
    std::string path_to_elsewhere;
  };
  using Set = std::function<void(const std::string&, const FilterSet&)>;

  RandomEvents(std::uint64_t seed, Places places, FrameSender wire, Set set)
      : random_(seed), places_(std::move(places)), wire_(std::move(wire)), set_(std::move(set)) {}

  // Returns what it was.
  std::string next();
  void expect_nothing_lost(const std::string& after);

 private:
  struct Upper {
    std::string kind;
    std::string mode;
    MacAddress address;
    bool elsewhere = false;
    bool up = true;
    std::optional<FilterSet> filter;
    std::optional<Ear> ear;
  };

  using Event = std::string (RandomEvents::*)();

  std::uint32_t below(std::size_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  MacAddress fresh_address(std::uint8_t second);
  std::pair<const std::string, Upper>* any_upper();
  std::string make(const std::string& mode);
  void listen(const std::string& name, Upper& upper);
  [[nodiscard]] int place_of(const Upper& upper) const {
    return (upper.elsewhere ? places_.elsewhere : places_.home).fd();
  }
  [[nodiscard]] bool in_passthru() const { return !uppers_.empty() && uppers_.begin()->second.mode == "passthru"; }
  void send(const MacAddress& destination) {
    wire_.send(to_bytes({.destination = destination, .payload = to_payload({.sequence = sent_})}));
    sent_to_[destination] = sent_++;
  }
  void expect(Ear& ear, const std::set<MacAddress>& wanted, const std::string& what);
  [[nodiscard]] std::set<MacAddress> wanted_by(const Upper& upper) const;

  std::string make_one();
  std::string delete_one();
  std::string delete_all();
  std::string move_one();
  std::string change_address();
  std::string change_lower_address();
  std::string toggle();
  std::string toggle_tcpdump();
  std::string program_one();
  std::string clear_one();

  std::mt19937_64 random_;
  Places places_;
  FrameSender wire_;
  Set set_;
  std::map<std::string, Upper> uppers_;
  MacAddress lower_ = kLower;
  std::optional<Ear> tcpdump_;
  std::uint64_t names_ = 0;
  std::uint64_t addresses_ = 0;
  std::uint64_t sent_ = 0;
  std::map<MacAddress, std::uint64_t> sent_to_;  // since the last event
};

MacAddress RandomEvents::fresh_address(std::uint8_t second) {
  ++addresses_;
  return {{0x02, second, 0, 0, static_cast<std::uint8_t>(addresses_ >> 8), static_cast<std::uint8_t>(addresses_)}};
}

std::pair<const std::string, RandomEvents::Upper>* RandomEvents::any_upper() {
  if (uppers_.empty()) return nullptr;
  return &*std::next(uppers_.begin(), below(uppers_.size()));
}

void RandomEvents::listen(const std::string& name, Upper& upper) {
  upper.ear.reset();
  if (upper.kind == "macvtap")
    upper.ear.emplace(TapReader(name));
  else
    upper.ear.emplace(PacketListener(ifindex_of(name)));
}

std::string RandomEvents::make(const std::string& mode) {
  const std::string name = "r" + std::to_string(names_++);
  Upper upper{.kind = mode == "passthru" || below(3) != 0 ? "macvtap" : "macvlan",
              .mode = mode,
              .address = mode == "passthru" ? lower_ : fresh_address(0xaa)};
  upper.elsewhere = below(4) == 0;
  must_run("ip link add link lower name " + name + " address " + to_string(upper.address) +
           (upper.elsewhere ? " netns " + places_.path_to_elsewhere : "") + " type " + upper.kind + " mode " + mode);
  const NamespaceSwitch there(place_of(upper));
  must_run("ip link set " + name + " up txqueuelen 2000 && ip maddr add " + to_string(kGroup) + " dev " + name);
  listen(name, upper);
  const std::string what = "made " + name + ", " + upper.kind + " " + mode + (upper.elsewhere ? ", elsewhere" : "");
  uppers_.emplace(name, std::move(upper));
  return what;
}

std::string RandomEvents::make_one() {
  constexpr std::size_t kMost = 8;
  if (in_passthru() || uppers_.size() >= kMost) return delete_one();
  if (uppers_.empty() && below(2) == 0) return make("passthru");
  constexpr std::array kModes = {"bridge", "private", "vepa"};
  return make(kModes.at(below(kModes.size())));
}

std::string RandomEvents::delete_one() {
  auto* chosen = any_upper();
  if (chosen == nullptr) return make_one();
  const std::string name = chosen->first;
  {
    const NamespaceSwitch there(place_of(chosen->second));
    must_run("ip link delete " + name);
  }
  uppers_.erase(name);
  // What a PASSTHRU upper has made of it is undone with it.
  lower_ = MacAddress::parse(must_run("ip -o link show lower | sed 's/.*ether //; s/ .*//' | tr -d '\\n'")).value();
  return "deleted " + name;
}

std::string RandomEvents::delete_all() {
  while (!uppers_.empty()) delete_one();
  return "deleted all";
}

std::string RandomEvents::move_one() {
  auto* chosen = any_upper();
  if (chosen == nullptr) return make_one();
  auto& [name, upper] = *chosen;
  if (upper.elsewhere) return change_address();
  upper.ear.reset();
  must_run("ip link set " + name + " netns " + places_.path_to_elsewhere);
  upper.elsewhere = true;
  upper.up = true;
  upper.filter.reset();
  const NamespaceSwitch there(place_of(upper));
  must_run("ip link set " + name + " up && ip maddr add " + to_string(kGroup) + " dev " + name);
  listen(name, upper);
  return "moved " + name;
}

std::string RandomEvents::change_address() {
  auto* chosen = any_upper();
  if (chosen == nullptr) return change_lower_address();
  auto& [name, upper] = *chosen;
  upper.address = fresh_address(0xaa);
  if (in_passthru()) lower_ = upper.address;
  const NamespaceSwitch there(place_of(upper));
  must_run("ip link set " + name + " address " + to_string(upper.address));
  return "changed the address of " + name;
}

std::string RandomEvents::change_lower_address() {
  lower_ = fresh_address(0xee);
  if (in_passthru()) uppers_.begin()->second.address = lower_;
  must_run("ip link set lower address " + to_string(lower_));
  return "changed the address of lower";
}

std::string RandomEvents::toggle() {
  auto* chosen = any_upper();
  if (chosen == nullptr) return make_one();
  auto& [name, upper] = *chosen;
  upper.up = !upper.up;
  const NamespaceSwitch there(place_of(upper));
  must_run("ip link set " + name + (upper.up ? " up" : " down"));
  if (upper.up) listen(name, upper);
  return name + (upper.up ? " is up" : " is down");
}

std::string RandomEvents::toggle_tcpdump() {
  if (tcpdump_) {
    tcpdump_.reset();
    return "tcpdump ends";
  }
  PacketListener listener(ifindex_of("lower"), PacketListener::kAnyProtocol);
  listener.ask_for(PACKET_MR_PROMISC);
  tcpdump_.emplace(std::move(listener));
  return "tcpdump begins";
}

// Each has a further address of its own: `set` would refuse a shared one.
std::string RandomEvents::program_one() {
  auto* chosen = any_upper();
  if (chosen == nullptr || chosen->second.elsewhere || !chosen->second.up) return make_one();
  auto& [name, upper] = *chosen;
  FilterSet set = filter();
  set.addresses->unicast = {fresh_address(0xbb)};
  set_(name, set);
  upper.filter = set;
  return "set " + name;
}

std::string RandomEvents::clear_one() {
  auto* chosen = any_upper();
  if (chosen == nullptr || !chosen->second.filter || !chosen->second.up) return program_one();
  set_(chosen->first, {});
  chosen->second.filter.reset();
  return "cleared " + chosen->first;
}

std::string RandomEvents::next() {
  // By how often they come.
  const std::vector<std::pair<int, Event>> events = {
      {6, &RandomEvents::make_one}, {3, &RandomEvents::delete_one},     {1, &RandomEvents::delete_all},
      {2, &RandomEvents::move_one}, {3, &RandomEvents::change_address}, {1, &RandomEvents::change_lower_address},
      {3, &RandomEvents::toggle},   {3, &RandomEvents::toggle_tcpdump}, {4, &RandomEvents::program_one},
      {1, &RandomEvents::clear_one}};
  int sum = 0;
  for (const auto& [weight, event] : events) sum += weight;
  int drawn = static_cast<int>(below(static_cast<std::size_t>(sum)));
  for (const auto& [weight, event] : events)
    if ((drawn -= weight) < 0) return (this->*event)();
  return "";
}

std::set<MacAddress> RandomEvents::wanted_by(const Upper& upper) const {
  std::set<MacAddress> wanted = {upper.address, kBroadcast, kGroup};
  if (upper.filter) wanted.insert(upper.filter->addresses->unicast.begin(), upper.filter->addresses->unicast.end());
  if (upper.mode == "passthru" && !upper.filter) wanted.insert(kStranger);
  return wanted;
}

void RandomEvents::expect(Ear& ear, const std::set<MacAddress>& wanted, const std::string& what) {
  Numbers numbers;
  for (const MacAddress& destination : wanted) numbers.insert(sent_to_.at(destination));
  for (const std::uint64_t lost : ear.missing(numbers))
    for (const auto& [destination, number] : sent_to_)
      EXPECT_NE(number, lost) << what << ": to " << rxf::to_string(destination);
}

void RandomEvents::expect_nothing_lost(const std::string& after) {
  Ear host(PacketListener(ifindex_of("lower")));
  sent_to_.clear();
  std::set<MacAddress> all = {lower_, kBroadcast, kGroup, kStranger, kStrangeGroup};
  for (const auto& [name, upper] : uppers_)
    for (const MacAddress& destination : wanted_by(upper)) all.insert(destination);
  for (const MacAddress& destination : all) send(destination);

  for (auto& [name, upper] : uppers_)
    if (upper.up) expect(*upper.ear, wanted_by(upper), name + " after " + after);
  if (!in_passthru()) expect(host, {lower_, kBroadcast, kGroup, kStrangeGroup}, "the host after " + after);
  if (tcpdump_) expect(*tcpdump_, all, "tcpdump after " + after);
}

TEST_P(HostTest, NothingIsLostWhateverHappens) {
  constexpr std::uint64_t kSeed = 20261122;
  constexpr int kEvents = 120;
  const char* asked = std::getenv("RXF_EVENTS_SEED");
  const std::uint64_t seed = asked == nullptr ? kSeed : std::strtoull(asked, nullptr, 10);
  attach();
  RandomEvents events(seed, {*home_, *elsewhere_, path_of(*elsewhere_)}, sender(),
                      [&](const std::string& name, const FilterSet& wanted) { set(name, wanted); });
  const std::uint64_t before = early_drops(Verdict::unicast);
  std::string history;
  for (int i = 0; i < kEvents; ++i) {
    const std::string event = events.next();
    history += std::to_string(i) + ": " + event + "\n";
    events.expect_nothing_lost(event);
    ASSERT_FALSE(HasFailure()) << "seed " << seed << "\n" << history;
  }
  std::cout << "  seed " << seed << ": " << kEvents << " events, " << early_drops(Verdict::unicast) - before
            << " dropped early\n";
  EXPECT_GT(early_drops(Verdict::unicast), before);
}

}  // namespace
}  // namespace rxf::test
