// SPDX-License-Identifier: GPL-2.0-only
// `drops`: what is dropped, at which hook and why, is told while somebody listens, and only then.
#include "loader/mirror/drops.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "bpf/rx_filter_abi.h"
#include "loader/cli/filter_json.h"
#include "tests/support/child_process.h"
#include "tests/support/command.h"
#include "tests/support/frame_sender.h"
#include "tests/support/loader_command.h"
#include "tests/support/metadata_tagger.h"
#include "tests/support/must.h"
#include "tests/support/older_programs.h"
#include "tests/support/packet.h"
#include "tests/support/passthru_fixture.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using cli::Json;
using mirror::DropListener;
using mirror::DroppedFrame;
using Clock = std::chrono::steady_clock;

constexpr MacAddress kListed = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr MacAddress kUnknown = {{0x02, 0xcc, 0, 0, 0, 1}};
constexpr MacAddress kUnknownGroup = {{0x01, 0, 0x5e, 1, 2, 4}};
constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr const char* kSet =
    "set upper --unicast 02:bb:00:00:00:01 --multicast 01:00:5e:01:02:03 --vlan 42 --flags multicast";

// A frame that is dropped, and why.
struct Row {
  MacAddress destination;
  std::vector<VlanTag> tags;
  Verdict reason;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {{kUnknown, {}, Verdict::unicast},
                                         {kBroadcast, {}, Verdict::broadcast},
                                         {kUnknownGroup, {}, Verdict::multicast},
                                         {kListed, {{kTpidCustomer, 7}}, Verdict::vlan},
                                         {kUnknown, {{kTpidService, 9}, {kTpidCustomer, 42}}, Verdict::unicast}};
  return kRows;
}

Bytes frame_of(const Row& row, std::size_t size = kMinimumFrame) {
  Packet packet{.destination = row.destination, .tags = row.tags};
  for (std::size_t i = 0; i + 14 + 4 * row.tags.size() < size; ++i)
    packet.payload.push_back(static_cast<std::uint8_t>(i * 7));
  return to_bytes(packet);
}

// As it was on the wire, wherever the tag was when it was dropped.
Bytes beginning_of(const DroppedFrame& dropped) {
  Bytes bytes = dropped.bytes;
  if (!dropped.metadata) return bytes;
  Bytes tag;
  append_be(tag, dropped.metadata->tpid, 2);
  append_be(tag, dropped.metadata->tci, 2);
  bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
  return bytes;
}

bool until(const std::function<bool()>& reached) {
  for (int i = 0; i < 500 && !reached(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return reached();
}

class DropsTest : public PassthruFixture {
 protected:
  void SetUp() override {
    PassthruFixture::SetUp();
    if (IsSkipped()) return;
    must_run("for d in far lower upper; do ip link set $d mtu 9000; done");
    sender_.emplace(ifindex_of("far"));
    files_ = must_run("mktemp -d");
    files_.pop_back();
  }
  void TearDown() override {
    if (!files_.empty()) std::filesystem::remove_all(files_);
  }

  void attach(const std::string& options) {
    loader_->must("attach lower " + options);
    loader_->must(kSet);
    pins_ = must(mirror::status({.bpffs = bpffs_->path()}, "lower")).pin_directory;
  }

  DropListener listen(std::uint64_t rate = mirror::kUsualDropRate) {
    heard_.clear();
    return must(DropListener::open({.bpffs = bpffs_->path()}, "lower", rate,
                                   [this](const DroppedFrame& frame) { heard_.push_back(frame); }));
  }

  // What comes of what is sent by `send`: so many, or those that do come.
  std::vector<DroppedFrame> hear(DropListener& listener, std::size_t count, const std::function<void()>& send) {
    must(listener.take());
    heard_.clear();
    send();
    until([&] {
      must(listener.take());
      return heard_.size() >= count;
    });
    return heard_;
  }

  void send(const Row& row, int count = 1) {
    const Bytes frame = frame_of(row);
    for (int i = 0; i < count; ++i) sender_->send(frame);
  }

  void expect_told(DropListener& listener, std::optional<std::string> upper);

  [[nodiscard]] rxf_drop_lease lease() const {
    const Fd map(bpf_obj_get((pins_ + "/drop_lease").c_str()));
    rxf_drop_lease lease{};
    const std::uint32_t key = 0;
    EXPECT_EQ(bpf_map_lookup_elem(map.get(), &key, &lease), 0);
    return lease;
  }

  // What should not begin to listen.
  [[nodiscard]] CommandResult refused(const std::string& arguments) const {
    return run("timeout 10 '" + LoaderCommand::binary() + "' --bpffs '" + bpffs_->path() + "' drops " + arguments);
  }

  // `drops` beside the test: its output is in a file, and so is its process id.
  [[nodiscard]] std::unique_ptr<ChildProcess> start(const std::string& arguments) {
    std::string line;
    for (const std::string& word : loader_->argv({"drops"})) line += "'" + word + "' ";
    auto child = std::make_unique<ChildProcess>(std::vector<std::string>{
        "/bin/sh", "-c",
        "echo $$ > " + files_ + "/pid; exec " + line + arguments + " > " + files_ + "/out 2> " + files_ + "/err"});
    EXPECT_TRUE(until([&] { return lease().deadline != 0; })) << file("err");
    return child;
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    std::stringstream all;
    all << std::ifstream(files_ + "/" + name).rdbuf();
    return all.str();
  }
  [[nodiscard]] pid_t pid() const { return std::stoi(file("pid")); }

  std::optional<FrameSender> sender_;
  std::string pins_;
  std::string files_;
  std::vector<DroppedFrame> heard_;
};

// Every reason, and all that is told of a frame.
void DropsTest::expect_told(DropListener& listener, std::optional<std::string> upper) {
  for (const Row& row : rows())
    for (const std::size_t size : {60U, 128U, 129U, 5000U}) {
      SCOPED_TRACE(std::string(to_string(row.reason)) + ", " + std::to_string(size) + " bytes");
      const Bytes sent = frame_of(row, size);
      const std::uint64_t before = mirror::boot_now();
      const auto told = hear(listener, 1, [&] { sender_->send(sent); });
      ASSERT_EQ(told.size(), 1U);
      const DroppedFrame& frame = told.front();
      EXPECT_EQ(frame.device, "lower");
      EXPECT_EQ(frame.reason, row.reason);
      // A hook that cannot see the tag leaves the VLAN to the guard, and the early drop leaves the host its broadcast.
      if (row.reason == Verdict::broadcast) {
        EXPECT_EQ(frame.upper, "upper");
      } else if (row.reason != Verdict::vlan) {
        EXPECT_EQ(frame.upper, upper);
      }
      EXPECT_TRUE(frame.enforced);
      EXPECT_EQ(frame.packets, 1U);
      EXPECT_GE(frame.time, before);
      EXPECT_LE(frame.time, mirror::boot_now());
      EXPECT_EQ(frame.length + (frame.metadata ? 4 : 0), sent.size());
      EXPECT_EQ(frame.bytes.size(), std::min<std::size_t>(frame.length, RXF_DROP_FRAME_SIZE));
      const Bytes begins = beginning_of(frame);
      EXPECT_EQ(begins, Bytes(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(begins.size())));
    }
}

class DropsModeTest : public DropsTest, public testing::WithParamInterface<const char*> {};

TEST_P(DropsModeTest, TheEarlyDropTellsEveryReason) {
  attach(std::string("--mode ") + GetParam());
  DropListener listener = listen();
  expect_told(listener, std::nullopt);
}

// Somebody else made the lower device promiscuous: the early drop stands down.
TEST_P(DropsModeTest, TheGuardTellsEveryReason) {
  attach(std::string("--mode ") + GetParam());
  must_run("ip link set upper allmulticast on && ip link set lower promisc on");
  DropListener listener = listen();
  expect_told(listener, "upper");
}

TEST_P(DropsModeTest, InShadowItIsSaid) {
  attach(std::string("--shadow --mode ") + GetParam());
  DropListener listener = listen();
  const auto told = hear(listener, 2, [&] { send(rows().front()); });
  ASSERT_EQ(told.size(), 2U) << "at the early drop, and again at the guard";
  for (const DroppedFrame& frame : told) EXPECT_FALSE(frame.enforced);
  EXPECT_EQ(told[0].upper, std::nullopt);
  EXPECT_EQ(told[1].upper, "upper");
  loader_->must("attach lower --enforce");
  const auto enforced = hear(listener, 1, [&] { send(rows().front()); });
  ASSERT_EQ(enforced.size(), 1U);
  EXPECT_TRUE(enforced.front().enforced);
}

INSTANTIATE_TEST_SUITE_P(Modes, DropsModeTest, testing::Values("tc", "native", "generic"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_F(DropsTest, ATagInMetadataIsTold) {
  const MetadataTagger tagger(ifindex_of("far"));
  attach("--mode tc");
  DropListener listener = listen();
  const Bytes bytes = frame_of({kListed, {{kTpidCustomer, 42}}, {}});
  for (const bool at_guard : {false, true}) {
    if (at_guard) must_run("ip link set lower promisc on");
    const auto told = hear(listener, 1, [&] { sender_->send(bytes, VlanTag{.tpid = kTpidCustomer, .tci = 0x6007}); });
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].metadata, (VlanTag{.tpid = kTpidCustomer, .tci = 0x6007}));
    EXPECT_EQ(told[0].bytes, bytes);
    EXPECT_EQ(told[0].length, bytes.size());
    EXPECT_EQ(told[0].reason, Verdict::vlan);
    EXPECT_EQ(told[0].upper.has_value(), at_guard);
  }
}

TEST_F(DropsTest, NoMoreThanTheRateAndTheRestIsCounted) {
  attach("--mode tc");
  constexpr std::size_t kSent = 400;
  const auto start = Clock::now();
  DropListener listener = listen(10);
  hear(listener, kSent, [&] { send(rows().front(), kSent); });
  const auto seconds = std::chrono::duration<double>(Clock::now() - start).count();
  EXPECT_GE(heard_.size(), 100U);
  EXPECT_LE(heard_.size(), 100 + 10 * seconds + 2);
  EXPECT_EQ(heard_.size() + listener.untold(), kSent);
}

// More than the ring holds, before anybody takes it.
TEST_F(DropsTest, WhatFindsNoRoomIsCounted) {
  attach("--mode tc");
  constexpr std::size_t kSent = 2000;
  DropListener listener = listen(mirror::kHighestDropRate);
  hear(listener, kSent, [&] { send(rows().front(), kSent); });
  EXPECT_GE(heard_.size(), 100U);
  EXPECT_LT(heard_.size(), 400U);
  EXPECT_EQ(heard_.size() + listener.untold(), kSent);
}

TEST_F(DropsTest, OneListensAtATime) {
  attach("");
  const auto first = start("lower");
  const CommandResult second = refused("lower");
  EXPECT_EQ(second.status, 1);
  EXPECT_EQ(second.err,
            "rxfilter-loader: lower: process " + std::to_string(pid()) + " listens already, one can at a time\n");
  // The refused one has not taken anything from it.
  send(rows().front());
  EXPECT_TRUE(until([&] { return file("out").contains("lower early drop: unicast"); })) << file("out");
}

TEST_F(DropsTest, AKilledListenerTurnsItOff) {
  attach("--mode tc");
  EXPECT_EQ(lease().deadline, 0U);
  send(rows().front());
  EXPECT_EQ(lease().next, 0U) << "sampled while nobody listened";

  const auto child = start("lower");
  send(rows().front());
  EXPECT_TRUE(until([&] { return !file("out").empty(); }));
  child->kill();
  const auto killed = Clock::now();
  EXPECT_EQ(refused("lower").status, 1) << "its lease lives on for a while";
  EXPECT_TRUE(until([&] { return mirror::boot_now() >= lease().deadline; }));
  EXPECT_LT(Clock::now() - killed, std::chrono::seconds(4));

  const rxf_drop_lease over = lease();
  send(rows().front(), 10);
  EXPECT_EQ(lease().next, over.next) << "sampled after that";
  EXPECT_EQ(lease().unsampled, over.unsampled);
  EXPECT_EQ(lease().deadline, 0U) << "the clock is still asked";
  DropListener again = listen();
  EXPECT_EQ(hear(again, 1, [&] { send(rows().front()); }).size(), 1U);
}

TEST_F(DropsTest, TheListenerRenewsItsLease) {
  attach("");
  const auto child = start("lower");
  std::this_thread::sleep_for(std::chrono::milliseconds(3500));
  EXPECT_GT(lease().deadline, mirror::boot_now());
  send(rows().front());
  EXPECT_TRUE(until([&] { return !file("out").empty(); })) << file("err");
}

TEST_F(DropsTest, EndsAfterTheCount) {
  attach("--mode tc");
  const auto child = start("lower --count 3 -j");
  // Broadcast comes to the guard from macvlan's queue, behind what was sent after it.
  std::vector<Row> sent = rows();
  std::erase_if(sent, [](const Row& row) { return row.reason == Verdict::broadcast; });
  for (const Row& row : sent) send(row);
  EXPECT_EQ(child->wait(), 0) << file("err");
  EXPECT_EQ(lease().deadline, 0U) << "it gives the lease back";
  std::istringstream lines(file("out"));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const Json told = Json::parse(line);
    EXPECT_EQ(told["device"], "lower");
    EXPECT_EQ(told["reason"], to_string(sent.at(count).reason));
    EXPECT_EQ(told["destination"], rxf::to_string(sent.at(count).destination));
  }
  EXPECT_EQ(count, 3U);
}

class DropsEndTest : public DropsTest, public testing::WithParamInterface<int> {};

TEST_P(DropsEndTest, ASignalEndsItInOrder) {
  const MetadataTagger tagger(ifindex_of("far"));
  attach("--mode tc");
  const auto child = start("lower --rate 1 --pcap " + files_ + "/pcap");
  sender_->send(frame_of({kListed, {{kTpidCustomer, 42}}, {}}), VlanTag{.tpid = kTpidCustomer, .tci = 7});
  send(rows().front(), 150);
  // At once: what was dropped until then is shown.
  ::kill(pid(), GetParam());
  EXPECT_EQ(child->wait(), 0) << file("err");
  EXPECT_EQ(lease().deadline, 0U);
  const std::string out = file("out");
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 100) << out;
  EXPECT_TRUE(out.contains("lower early drop: vlan  02:00:00:00:00:5e > 02:bb:00:00:00:01  vlan 7  vlan 42  0x88b5"))
      << out;
  EXPECT_EQ(file("err"), "rxfilter-loader: note: 51 more were dropped and not shown: at most 1 a second are\n");

  // As we read it: every frame is dropped for the reason that was told.
  const CommandResult explained = loader_->run("explain lower --frame " + files_ + "/pcap");
  EXPECT_EQ(explained.status, 0) << explained.err;
  EXPECT_TRUE(explained.out.starts_with("1  drop: vlan")) << explained.out;
  EXPECT_TRUE(explained.out.contains("\n100  drop: unicast")) << explained.out;
  // And as others do.
  if (run("command -v tshark").status != 0) GTEST_SKIP() << "tshark is not installed";
  const std::string frames = must_run("tshark -r " + files_ +
                                      "/pcap -T fields -e eth.dst -e vlan.id -e frame.len 2>&1 | "
                                      "grep -v 'Running as user'");
  EXPECT_TRUE(frames.starts_with("02:bb:00:00:00:01\t7,42\t64\n02:cc:00:00:00:01\t\t60\n")) << frames;
  EXPECT_EQ(std::count(frames.begin(), frames.end(), '\n'), 100);
}

INSTANTIATE_TEST_SUITE_P(Signals, DropsEndTest, testing::Values(SIGINT, SIGTERM),
                         [](const auto& signal) { return signal.param == SIGINT ? "Int" : "Term"; });

TEST_F(DropsTest, EndsWithWhoeverReadsIt) {
  attach("--mode tc");
  const std::string drops = LoaderCommand::binary() + " --bpffs " + bpffs_->path() + " drops";
  ChildProcess shell({"/bin/sh", "-c", drops + " lower | head -n 1 > " + files_ + "/out"});
  ASSERT_TRUE(until([&] { return lease().deadline != 0; }));
  send(rows().front());
  EXPECT_EQ(shell.wait(), 0);
  EXPECT_TRUE(file("out").contains("lower early drop: unicast"));
  EXPECT_EQ(lease().deadline, 0U);
}

TEST_F(DropsTest, AWatchedStatusEndsWithWhoeverReadsItToo) {
  attach("");
  const std::string status = LoaderCommand::binary() + " --bpffs " + bpffs_->path() + " status lower --watch 0.2";
  const CommandResult result = run("(timeout 20 " + status + "; echo $? > " + files_ + "/status) | head -n 1");
  EXPECT_TRUE(result.out.starts_with("lower: ")) << result.out;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(file("status"), "0\n");
}

TEST_F(DropsTest, EndsWithTheAttachment) {
  attach("");
  const auto child = start("lower");
  loader_->must("detach lower");
  EXPECT_EQ(child->wait(), 3);
  EXPECT_EQ(file("err"), "rxfilter-loader: lower has been detached\n");
}

TEST_F(DropsTest, GoesOnAcrossAnotherMode) {
  attach("--mode native");
  DropListener listener = listen();
  for (const char* mode : {"tc", "generic", "native"}) {
    loader_->must(std::string("attach lower --mode ") + mode);
    must(listener.renew());
    EXPECT_EQ(hear(listener, 1, [&] { send(rows().front()); }).size(), 1U) << mode;
  }
}

TEST_F(DropsTest, WithoutADeviceItIsAllOfThem) {
  EXPECT_EQ(refused("").status, 3) << "none is attached";
  attach("--mode tc");
  must_run(
      "ip link add lower2 type veth peer name far2 && ip link set far2 up && ip link set lower2 up &&"
      "ip link add link lower2 name upper2 type macvtap mode passthru && ip link set upper2 up");
  loader_->must("attach lower2 --mode tc");
  loader_->must("set upper2 --vlan none --unicast none --multicast none --flags none");
  const auto child = start("");
  FrameSender second(ifindex_of("far2"));
  EXPECT_TRUE(until([&] {
    send(rows().front());
    second.send(frame_of(rows().front()));
    const std::string out = file("out");
    return out.contains(" lower early drop: unicast") && out.contains(" lower2 early drop: unicast");
  })) << file("out");
  EXPECT_EQ(refused("lower2").status, 1);
}

// As with what an earlier version attached: its pins lack the maps, and its programs know nothing of them.
TEST_F(DropsTest, AnEarlierVersionIsUpgradedFirst) {
  attach("--mode native");
  const OlderPrograms older = replace_by_older(ifindex_of("lower"), pins_);
  for (const char* map : {"drop_lease", "drops"}) std::filesystem::remove(pins_ + "/" + map);
  const std::string advice =
      "rxfilter-loader: the programs on lower do not tell what they drop, being an earlier version's: rxfilter-loader "
      "attach lower upgrades them\n";
  EXPECT_EQ(refused("lower").err, advice);
  loader_->must("status lower");
  loader_->must("set upper --vlan +43");
  EXPECT_EQ(refused("lower").err, advice);
  // A guard of this version beside them, with maps of its own.
  must_run("tc filter del dev upper ingress");
  loader_->must("set upper --vlan +44");
  EXPECT_TRUE(std::filesystem::exists(pins_ + "/drop_lease"));
  EXPECT_EQ(refused("lower").err, advice);

  loader_->must("attach lower");
  EXPECT_TRUE(older.all_gone());
  DropListener listener = listen();
  EXPECT_EQ(hear(listener, 1, [&] { send(rows().front()); }).size(), 1U);
}

TEST_F(DropsTest, OtherDevicesAreRefused) {
  attach("");
  EXPECT_EQ(refused("far").status, 3);
  EXPECT_EQ(refused("upper").status, 2);
  EXPECT_EQ(refused("nosuch").status, 1);
  EXPECT_EQ(refused("lower --pcap /no/such/file").err, "rxfilter-loader: /no/such/file: No such file or directory\n");
  EXPECT_EQ(lease().deadline, 0U);
}

}  // namespace
}  // namespace rxf::test
