// SPDX-License-Identifier: GPL-2.0-only
// What the other tests stand on: every sort of frame goes in at one end of a veth pair and out of a macvtap on the
// other, and the helpers that are to notice trouble do.
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "tests/support/command.h"
#include "tests/support/frame_sender.h"
#include "tests/support/metadata_tagger.h"
#include "tests/support/packet.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/system_call.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {
namespace {

constexpr MacAddress kUpperAddress = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr int kArrivalMs = 1000;
constexpr int kQuietMs = 50;

std::uint32_t index_of(const char* name) { return if_nametoindex(name); }

// far ==veth== lower <-- upper (macvtap, passthru) --> tap
class SupportTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()}) {
      if (!why.empty()) GTEST_SKIP() << why;
    }
    namespace_.emplace();
    must_run(
        "ip link add lower type veth peer name far && ip link set far up && ip link set lower up &&"
        "ip link add link lower name upper address 02:aa:00:00:00:01 type macvtap mode passthru &&"
        "ip link set upper up");
    tap_.emplace("upper");
  }

  // Of the frames that tests sent: the kernel sends some by itself (IPv6 neighbour discovery).
  std::optional<Packet> next_marked_packet() {
    while (const auto frame = tap_->read_frame(kArrivalMs)) {
      if (find_marker(*frame)) return parse_packet(*frame);
    }
    return std::nullopt;
  }

  std::optional<ScratchNamespace> namespace_;
  std::optional<TapReader> tap_;
};

struct Delivery {
  const char* name;
  std::vector<VlanTag> in_bytes;
  std::optional<VlanTag> metadata;
  std::vector<VlanTag> arriving;
};

std::ostream& operator<<(std::ostream& stream, const Delivery& row) { return stream << row.name; }

class DeliveryTest : public SupportTest, public testing::WithParamInterface<Delivery> {};

constexpr VlanTag kCustomer42 = {kTpidCustomer, 42};
constexpr VlanTag kCustomer43 = {kTpidCustomer, 43};
constexpr VlanTag kService44 = {kTpidService, 44};
constexpr VlanTag kPriority = {kTpidCustomer, 0xe000};  // PCP 7, VID 0
constexpr VlanTag kAllBits = {kTpidCustomer, 0xffff};

INSTANTIATE_TEST_SUITE_P(
    Tags, DeliveryTest,
    testing::Values(Delivery{"Untagged", {}, {}, {}}, Delivery{"CustomerInBytes", {kCustomer42}, {}, {kCustomer42}},
                    Delivery{"ServiceInBytes", {kService44}, {}, {kService44}},
                    Delivery{"TwoInBytes", {kService44, kCustomer42}, {}, {kService44, kCustomer42}},
                    Delivery{"CustomerInMetadata", {}, kCustomer42, {kCustomer42}},
                    Delivery{"ServiceInMetadata", {}, kService44, {kService44}},
                    Delivery{"PriorityInMetadata", {}, kPriority, {kPriority}},
                    Delivery{"EveryTciBitInMetadata", {}, kAllBits, {kAllBits}},
                    Delivery{"MetadataOverBytes", {kCustomer43}, kService44, {kService44, kCustomer43}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_P(DeliveryTest, ReachesTheTapWithItsTagsInBytes) {
  const MetadataTagger tagger(index_of("far"));
  const Marker marker{.kind = 7, .sequence = 0x0102030405060708};
  const Packet packet{.destination = kUpperAddress, .tags = GetParam().in_bytes, .payload = to_payload(marker)};

  FrameSender(index_of("far")).send(to_bytes(packet), GetParam().metadata);

  const std::optional<Packet> arrived = next_marked_packet();
  ASSERT_TRUE(arrived);
  EXPECT_EQ(arrived->tags, GetParam().arriving) << to_string(*arrived);
  EXPECT_EQ(arrived->destination, packet.destination);
  EXPECT_EQ(arrived->source, packet.source);
  EXPECT_EQ(arrived->ether_type, packet.ether_type);
  EXPECT_EQ(find_marker(to_bytes(*arrived)), marker);
  // The kernel may have something to say of its own.
  for (const Bytes& other : tap_->drain(kQuietMs))
    EXPECT_FALSE(find_marker(other)) << "one frame in, more than one out";
}

// A packet socket on `name` that is told of tags in metadata.
Fd listen_on(const char* name) {
  Fd socket = checked_fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket");
  const int on = 1;
  checked(setsockopt(socket.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on), "PACKET_AUXDATA");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = __builtin_bswap16(0x0003);  // ETH_P_ALL
  address.sll_ifindex = static_cast<int>(index_of(name));
  checked(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  return socket;
}

struct Received {
  Bytes bytes;
  std::optional<VlanTag> metadata;
};

Received receive(const Fd& socket) {
  Received received{Bytes(2048), std::nullopt};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> control{};
  iovec part{received.bytes.data(), received.bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = recvmsg(socket.get(), &message, 0);
  received.bytes.resize(static_cast<std::size_t>(checked(static_cast<int>(length), "recvmsg")));

  tpacket_auxdata auxiliary{};
  std::memcpy(&auxiliary, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof auxiliary);
  if ((auxiliary.tp_status & TP_STATUS_VLAN_VALID) != 0) {
    received.metadata = VlanTag{auxiliary.tp_vlan_tpid, auxiliary.tp_vlan_tci};
  }
  return received;
}

Received receive_marked(const Fd& socket) {
  Received received = receive(socket);
  while (!find_marker(received.bytes)) received = receive(socket);
  return received;
}

// Seen on the way out, behind tc egress: on the way in the kernel moves every outermost tag to metadata before packet
// sockets and tc ingress see the frame (skb_vlan_untag), and the two sorts look alike.
TEST_F(SupportTest, TaggerPutsTheTagBesideTheBytes) {
  const MetadataTagger tagger(index_of("far"));
  const Fd outgoing = listen_on("far");
  const Bytes frame = to_bytes({.destination = kUpperAddress, .payload = to_payload({})});
  FrameSender sender(index_of("far"));

  sender.send(frame, kService44);
  const Received beside = receive_marked(outgoing);
  EXPECT_EQ(beside.metadata, kService44);
  EXPECT_EQ(beside.bytes, frame);

  const Bytes tagged = to_bytes({.destination = kUpperAddress, .tags = {kCustomer42}, .payload = to_payload({})});
  sender.send(tagged);
  const Received inside = receive_marked(outgoing);
  EXPECT_EQ(inside.metadata, std::nullopt);
  EXPECT_EQ(inside.bytes, tagged);
}

TEST_F(SupportTest, NothingIsTaggedWithoutATagger) {
  { const MetadataTagger gone_again(index_of("far")); }
  FrameSender(index_of("far"))
      .send(to_bytes({.destination = kUpperAddress, .payload = to_payload({.kind = 1})}), kCustomer42);
  const std::optional<Packet> arrived = next_marked_packet();
  ASSERT_TRUE(arrived);
  EXPECT_TRUE(arrived->tags.empty());
}

// A veth drops what is larger than its peer takes, and says so.
TEST_F(SupportTest, SenderReportsADropAndAMissingDevice) {
  must_run("ip link set far mtu 3000");
  FrameSender sender(index_of("far"));
  const Bytes frame = to_bytes({.destination = kUpperAddress, .payload = Bytes(2000)});
  EXPECT_FALSE(sender.try_send(frame));
  EXPECT_THROW(sender.send(frame), std::system_error);
  EXPECT_THROW(FrameSender(9999), std::system_error);
}

TEST_F(SupportTest, TapQueueHoldsTxQueueLenFrames) {
  FrameSender sender(index_of("far"));
  for (std::uint64_t i = 0; i < 600; ++i) {
    sender.send(to_bytes({.destination = kUpperAddress, .payload = to_payload({.kind = 1, .sequence = i})}));
  }
  EXPECT_EQ(tap_->drain(kQuietMs).size(), 500u);
}

// The same ifindex in two namespaces: /dev/tapIFINDEX could be only one of them.
TEST_F(SupportTest, TapIsTheOneOfThisNamespace) {
  const std::uint32_t ifindex = index_of("upper");
  const ScratchNamespace inner;
  must_run(
      "ip link add lower type veth peer name far && ip link set far up && ip link set lower up &&"
      "ip link add link lower name upper index " +
      std::to_string(ifindex) + " type macvtap mode passthru && ip link set upper up");
  TapReader inner_tap("upper");
  FrameSender(index_of("far")).send(to_bytes({.destination = kUpperAddress, .payload = to_payload({.kind = 3})}));

  std::size_t marked = 0;
  for (const auto& frame : inner_tap.drain(kQuietMs)) marked += find_marker(frame).has_value() ? 1u : 0u;
  EXPECT_EQ(marked, 1u);
  for (const auto& frame : tap_->drain(kQuietMs)) EXPECT_FALSE(find_marker(frame));
  EXPECT_THROW(TapReader("lower"), std::system_error);
}

TEST_F(SupportTest, NamespacesNestAndSwitch) {
  EXPECT_NE(index_of("upper"), 0u);
  {
    const ScratchNamespace inner;
    EXPECT_EQ(index_of("upper"), 0u);
    EXPECT_NE(must_run("ip -brief link show lo").find("LOOPBACK,UP"), std::string::npos);
    const NamespaceSwitch outer(namespace_->fd());
    EXPECT_NE(index_of("upper"), 0u);
  }
  EXPECT_NE(index_of("upper"), 0u);
}

TEST_F(SupportTest, CommandsRunInTheThreadsNamespace) {
  EXPECT_NE(run("ip link show upper").status, 1);
  const ScratchNamespace inner;
  EXPECT_EQ(run("ip link show upper").status, 1);
}

TEST_F(SupportTest, BpffsGoesWithItsPins) {
  std::string path;
  {
    const ScratchBpffs bpffs;
    path = bpffs.path();
    must_run("mkdir " + path + "/rxfilter");
    EXPECT_EQ(must_run("stat -f -c %T " + path), "bpf_fs\n");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SupportTest, BpffsOfAKilledTestIsRemoved) {
  const std::string dead = must_run(
      "sh -c 'echo $$' | { read pid; mkdir /tmp/rxf-bpffs.$pid.left00 && mount -t bpf bpf /tmp/rxf-bpffs.$pid.left00 &&"
      "printf /tmp/rxf-bpffs.$pid.left00; }");
  const ScratchBpffs first;
  const ScratchBpffs second;
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(first.path()));
}

}  // namespace
}  // namespace rxf::test
