// SPDX-License-Identifier: GPL-2.0-only
// Whose a frame is, when addresses change hands after the last command: steering takes none that has got another owner,
// and guards go by the address that the upper has now.
#include <gtest/gtest.h>
#include <linux/if_packet.h>

#include "tests/support/command.h"
#include "tests/support/loader_fixture.h"
#include "tests/support/steady_traffic.h"

namespace rxf::test {
namespace {

constexpr MacAddress kFurther = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr MacAddress kStranger = {{0x02, 0xcc, 0, 0, 0, 1}};
constexpr MacAddress kSource = {{0x02, 0xdd, 0, 0, 0, 1}};
constexpr int kFrames = 5;

// far ==veth== lower <-- macvtaps `upper` and `sibling` in bridge mode, or `upper` alone in passthru.
class OwnersTest : public LoaderFixture {
 protected:
  void begin(Uppers uppers, const std::string& set, const std::string& mode = "tc") {
    topology_.emplace(uppers);
    loader_->must("attach lower --mode " + mode);
    loader_->must("set upper " + set);
  }

  // Numbers of the frames that were sent from `far`.
  Numbers send(const MacAddress& destination, const MacAddress& source = {{0x02, 0, 0, 0, 0, 0x5e}}) {
    FrameSender wire(ifindex_of("far"));
    Numbers sent;
    for (int i = 0; i < kFrames; ++i) {
      wire.send(to_bytes({.destination = destination, .source = source, .payload = to_payload({.sequence = next_})}));
      sent.insert(next_++);
    }
    return sent;
  }

  // All of them come to one ear, none to the other, which hears a frame that is sent afterwards to be sure.
  void expect_only(Ear& wanted, Ear& other, const Numbers& sent) {
    EXPECT_EQ(to_string(wanted.missing(sent)), "none");
    const Numbers after = send({{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}});
    EXPECT_EQ(to_string(other.missing(after)), "none");
    for (const std::uint64_t number : sent) EXPECT_FALSE(other.heard().contains(number)) << number;
  }

  static Ear host() { return Ear(PacketListener(ifindex_of("lower"))); }
  static Ear guest() { return Ear(TapReader("upper")); }

  std::uint64_t next_ = 0;
};

const std::string kAsksForFurther = "--unicast " + rxf::to_string(kFurther);

// Generic XDP hands over frames of which the header is behind skb->data.
TEST_F(OwnersTest, FramesAreSteeredInEveryMode) {
  for (const char* mode : {"tc", "native", "generic"}) {
    SCOPED_TRACE(mode);
    begin(Uppers::bridge, kAsksForFurther, mode);
    Ear host = OwnersTest::host();
    Ear guest = OwnersTest::guest();
    expect_only(guest, host, send(kFurther));
    PacketListener everything(ifindex_of("lower"));
    everything.ask_for(PACKET_MR_PROMISC);
    EXPECT_EQ(rxf::test::to_string(guest.missing(send(kFurther))), "none") << "a copy";
    loader_->must("detach lower");
  }
}

TEST_F(OwnersTest, TheDevicesOwnAddressIsTheHosts) {
  begin(Uppers::bridge, kAsksForFurther);
  Ear host = OwnersTest::host();
  Ear guest = OwnersTest::guest();
  expect_only(guest, host, send(kFurther));
  const std::string before = must_run("ip -o link show lower | sed 's/.*ether //; s/ .*//' | tr -d '\\n'");
  must_run("ip link set dev lower address " + rxf::to_string(kFurther));
  expect_only(host, guest, send(kFurther));
  must_run("ip link set dev lower address " + before);
  expect_only(guest, host, send(kFurther));
}

TEST_F(OwnersTest, AnAddressOnTheUnicastListForSomebodyElseIsTheirs) {
  begin(Uppers::bridge, kAsksForFurther);
  Ear host = OwnersTest::host();
  Ear guest = OwnersTest::guest();
  expect_only(guest, host, send(kFurther));
  must_run("bridge fdb add " + rxf::to_string(kFurther) + " dev lower self");
  expect_only(host, guest, send(kFurther));
  must_run("bridge fdb del " + rxf::to_string(kFurther) + " dev lower self");
  expect_only(guest, host, send(kFurther));
}

TEST_F(OwnersTest, WhoListensToEverythingGetsACopy) {
  begin(Uppers::bridge, kAsksForFurther);
  Ear guest = OwnersTest::guest();
  PacketListener listener(ifindex_of("lower"));
  listener.ask_for(PACKET_MR_PROMISC);
  Ear host(std::move(listener));
  const Numbers sent = send(kFurther);
  EXPECT_EQ(rxf::test::to_string(host.missing(sent)), "none");
  EXPECT_EQ(rxf::test::to_string(guest.missing(sent)), "none");
}

// It takes frames by their source, to whatever address, and was made after the last command.
TEST_F(OwnersTest, AnUpperInSourceModeGetsItsSourcesFrames) {
  begin(Uppers::bridge, kAsksForFurther);
  must_run("ip link add link lower name source type macvlan mode source && ip link set dev source up && " +
           ("ip link set link dev source type macvlan macaddr add " + rxf::to_string(kSource)));
  Ear guest = OwnersTest::guest();
  Ear source(PacketListener(ifindex_of("source")));
  const Numbers shared = send(kFurther, kSource);
  EXPECT_EQ(rxf::test::to_string(source.missing(shared)), "none");
  EXPECT_EQ(rxf::test::to_string(guest.missing(shared)), "none");
  EXPECT_EQ(rxf::test::to_string(source.missing(send(kStranger, kSource))), "none");
}

// What a container did not get as its own before it has a filter set is not made its own by the guard.
TEST_F(OwnersTest, AGuardLeavesThePacketTypeAsItIs) {
  topology_.emplace(Uppers::none);
  must_run("ip link add link lower name upper type macvlan mode source && ip link set dev upper up && " +
           ("ip link set link dev upper type macvlan macaddr add " + rxf::to_string(kSource)));
  loader_->must("attach lower --mode tc");
  loader_->must("set upper --vlan none");
  PacketListener listener(ifindex_of("upper"));
  send(kStranger, kSource);
  for (int i = 0; i < kFrames; ++i) {
    const auto heard = listener.hear(10'000);
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->type, PACKET_OTHERHOST);
  }
}

TEST_F(OwnersTest, ASteeredFrameIsForTheUpperUnderPromiscToo) {
  topology_.emplace(Uppers::none);
  must_run("ip link add link lower name upper type macvlan mode bridge && ip link set dev upper up");
  loader_->must("attach lower --mode tc");
  loader_->must("set upper " + kAsksForFurther + " --flags +promisc");
  PacketListener listener(ifindex_of("upper"));
  send(kFurther);
  for (int i = 0; i < kFrames; ++i) {
    const auto heard = listener.hear(10'000);
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->type, PACKET_HOST);
  }
}

TEST_F(OwnersTest, AnUppersFormerAddressIsNotItsOwnAnyMore) {
  begin(Uppers::passthru, "--unicast none");
  Ear guest = OwnersTest::guest();
  const Numbers own = send(Topology::kUpperAddress);
  EXPECT_EQ(rxf::test::to_string(guest.missing(own)), "none");
  must_run("ip link set dev upper address " + rxf::to_string(kFurther));
  const Numbers former = send(Topology::kUpperAddress);
  EXPECT_EQ(rxf::test::to_string(guest.missing(send(kFurther))), "none");
  for (const std::uint64_t number : former) EXPECT_FALSE(guest.heard().contains(number)) << number;
}

}  // namespace
}  // namespace rxf::test
