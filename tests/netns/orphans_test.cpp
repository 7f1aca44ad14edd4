// SPDX-License-Identifier: GPL-2.0-only
// Programs of ours whose pins are gone: deleted, hidden by another mount, or gone with who had them.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/enforcement.h"
#include "tests/support/foreign_programs.h"
#include "tests/support/frame_sender.h"
#include "tests/support/loader_fixture.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {
namespace {

constexpr MacAddress kFurther = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr const char* kSet = "set upper --unicast 02:bb:00:00:00:01 --multicast none --vlan 42";
constexpr int kFrames = 7;
constexpr int kQuietMs = 50;

class OrphansTest : public LoaderFixture {
 protected:
  void SetUp() override {
    LoaderFixture::SetUp();
    if (IsSkipped()) return;
    topology_.emplace(Uppers::bridge);
  }

  std::string must(const std::string& arguments) { return loader_->must(arguments); }

  void lose_pins() const { std::filesystem::remove_all(bpffs_->path() + "/rxfilter"); }

  // Attached and filtered, in that mode, and then nobody knows of it.
  void make_orphans(const std::string& mode) {
    must("attach lower --mode " + mode);
    must(kSet);
    lose_pins();
  }

  static int programs_of_ours() {
    return std::stoi(must_run(
        "for device in lower upper sibling; do for hook in ingress egress; do"
        " tc filter show dev $device $hook 2> /dev/null; done; ip -d link show $device; done | grep -c rxf_ || :"));
  }

  static std::string clsact_of(const std::string& device) {
    return must_run("tc qdisc show dev " + device + " | grep clsact || :");
  }

  static std::size_t arrivals(TapReader& tap, const MacAddress& destination, std::uint16_t vid) {
    send_frames(destination, vid, kFrames);
    std::size_t marked = 0;
    for (const auto& frame : tap.drain(kQuietMs))
      if (const auto packet = parse_packet(frame); packet && packet->ether_type == kEtherTypeExperimental) ++marked;
    return marked;
  }

  // Frames that come all the while the command runs.
  std::size_t arrivals_during(const std::string& command, std::uint16_t vid) {
    TapReader tap("upper");
    FrameSender sender(ifindex_of("far"));
    const Bytes frame = to_bytes({.destination = Topology::kUpperAddress, .tags = {{.tpid = 0x8100, .tci = vid}}});
    {
      const std::jthread traffic([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) (void)sender.try_send(frame);
      });
      must(command);
    }
    return tap.drain(kQuietMs).size();
  }

  void expect_named(const std::string& text) {
    EXPECT_NE(text.find("upper's guard (rxf_guard, program id "), std::string::npos) << text;
    EXPECT_NE(text.find("lower's early drop (rxf_early_"), std::string::npos) << text;
    EXPECT_NE(text.find("runs on maps that are pinned nowhere: rxfilter-loader attach lower replaces it"),
              std::string::npos)
        << text;
  }
};

TEST_F(OrphansTest, EveryVerbThatLooksNamesThem) {
  make_orphans("tc");
  expect_named(must("status"));
  const CommandResult status = loader_->run("status lower");
  EXPECT_EQ(status.status, 3);
  expect_named(status.out);
  expect_named(must("probe lower"));
  expect_named(must("attach lower --dry-run"));
  const std::string json = must("status -j");
  EXPECT_NE(json.find("\"attached\":false"), std::string::npos) << json;
  EXPECT_NE(json.find("\"pinned\":null"), std::string::npos) << json;
  expect_named(json);
}

TEST_F(OrphansTest, AttachTakesTheirPlace) {
  for (const char* mode : {"tc", "generic", "native"}) {
    make_orphans(mode);
    must(std::string("attach lower --mode ") + mode);
    EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");
    EXPECT_EQ(must("get upper"), "upper: unfiltered\n");
    must("set upper --vlan 7");
    EXPECT_EQ(enforcement_problems(bpffs_->path(), "lower"), std::vector<std::string>{});
    TapReader tap("upper");
    EXPECT_EQ(arrivals(tap, Topology::kUpperAddress, 7), kFrames) << mode;
    EXPECT_EQ(arrivals(tap, Topology::kUpperAddress, 42), 0U) << mode;
    must("detach lower");
    EXPECT_EQ(clsact_of("lower") + clsact_of("upper"), "") << mode;
  }
}

// What they were in is not what is asked for now.
TEST_F(OrphansTest, AttachTakesTheirPlaceInAnotherMode) {
  const std::vector<std::string> modes = {"tc", "generic", "native"};
  for (const std::string& before : modes)
    for (const std::string& after : modes) {
      if (before == after) continue;
      make_orphans(before);
      must("attach lower --mode " + after);
      EXPECT_FALSE(must("status lower").contains("  ! ")) << before << after << must("status lower");
      must("detach lower");
      EXPECT_EQ(programs_of_ours(), 0) << before << after;
    }
}

TEST_F(OrphansTest, DetachRemovesThem) {
  for (const char* detach : {"detach lower", "detach --all"})
    for (const char* mode : {"tc", "generic", "native"}) {
      make_orphans(mode);
      must(detach);
      EXPECT_EQ(programs_of_ours(), 0) << detach << mode;
      EXPECT_EQ(clsact_of("lower") + clsact_of("upper"), "") << detach << mode;
      EXPECT_EQ(must("status"), "no device is attached\n");
    }
}

TEST_F(OrphansTest, OthersOnTheSameHookStay) {
  const ForeignFilter foreign(ifindex_of("upper"), 60000);
  make_orphans("tc");
  must("detach lower");
  EXPECT_EQ(programs_of_ours(), 0);
  send_frames(Topology::kUpperAddress, 0, kFrames);
  EXPECT_EQ(foreign.frames(), kFrames);
}

// The pins are there all the time, under the mount.
TEST_F(OrphansTest, AMountOverThePins) {
  must("attach lower");
  must(kSet);
  ASSERT_EQ(mount("bpf", bpffs_->path().c_str(), "bpf", 0, "mode=0700"), 0);
  expect_named(must("status"));
  must("attach lower");
  must("set upper --vlan 7");
  EXPECT_EQ(enforcement_problems(bpffs_->path(), "lower"), std::vector<std::string>{});
  ASSERT_EQ(umount(bpffs_->path().c_str()), 0);
  // Now the first ones are pinned again, and the others are the orphans.
  EXPECT_TRUE(must("status lower").contains("runs on maps that are pinned nowhere"));
  EXPECT_EQ(arrivals_during("attach lower", 43), 0U) << "neither of the two takes it";
  EXPECT_EQ(enforcement_problems(bpffs_->path(), "lower"), std::vector<std::string>{});
  EXPECT_FALSE(must("status lower").contains("  ! ")) << must("status lower");
  TapReader tap("upper");
  EXPECT_EQ(arrivals(tap, kFurther, 42), kFrames);
  EXPECT_EQ(arrivals(tap, kFurther, 7), 0U);
}

TEST_F(OrphansTest, WhatAnybodyHasPinnedIsNone) {
  must_run("ip link add other type veth peer name other-far && ip link set other up");
  must("attach other");
  must("attach lower");
  must(kSet);
  EXPECT_FALSE(must("status").contains("pinned nowhere"));
  must("detach lower");
  EXPECT_FALSE(must("status").contains("pinned nowhere"));
  EXPECT_FALSE(must("status other").contains("  ! "));
  must("attach lower");
  must("detach other");
  EXPECT_FALSE(must("status lower").contains("  ! "));
}

class OrphansAndDaemonTest : public DaemonFixture {};

TEST_F(OrphansAndDaemonTest, ItReplacesThem) {
  make_lower("low");
  make_upper("low", "first", {{0x02, 0xaa, 0, 0, 0, 1}});
  const ScratchBpffs elsewhere;
  const LoaderCommand other(elsewhere.path());
  start({"--attach", "low"});
  EXPECT_TRUE(eventually([&] { return is_attached("low"); }));
  other.must("attach low --mode generic");
  must_run("ip link set first address 02:aa:00:00:00:02");
  EXPECT_TRUE(eventually([&] { return daemon().log().find("pinned nowhere") != std::string::npos; }));
  EXPECT_TRUE(eventually([] { return must_run("ip -d link show low").find("rxf_") == std::string::npos; }));
  expect_followed("low", "beside an orphan");
}

}  // namespace
}  // namespace rxf::test
