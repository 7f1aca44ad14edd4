// SPDX-License-Identifier: GPL-2.0-only
// Other people's filters, programs, qdiscs and list entries on the same devices are left alone, and detach puts back
// exactly what attach and set changed.
#include <gtest/gtest.h>

#include <optional>

#include "tests/support/command.h"
#include "tests/support/enforcement.h"
#include "tests/support/foreign_programs.h"
#include "tests/support/host_state.h"
#include "tests/support/loader_command.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

constexpr MacAddress kWanted = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr MacAddress kUnwanted = {{0x02, 0xbb, 0, 0, 0, 2}};
constexpr std::uint16_t kWantedVlan = 42;
constexpr std::uint16_t kUnwantedVlan = 43;
constexpr const char* kSet = "set upper --unicast 02:bb:00:00:00:01 --multicast none --vlan 42";
constexpr int kFrames = 7;
constexpr int kQuietMs = 50;

struct Bench {
  explicit Bench(Uppers uppers) : topology(uppers) {}

  Topology topology;
  ScratchBpffs bpffs;
  LoaderCommand loader{bpffs.path()};

  [[nodiscard]] std::string state() const { return host_state(bpffs.path()); }
};

class MannersTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
    make(Uppers::passthru);
  }

  void make(Uppers uppers) {
    bench_.reset();
    bench_.emplace(uppers);
  }

  std::string must(const std::string& arguments) { return bench_->loader.must(arguments); }

  // What a tap gets of kFrames frames.
  std::size_t arrivals(TapReader& tap, const MacAddress& destination, std::uint16_t vid) {
    send_frames(destination, vid, kFrames);
    std::size_t marked = 0;
    for (const auto& frame : tap.drain(kQuietMs))
      if (const auto packet = parse_packet(frame); packet && packet->ether_type == kEtherTypeExperimental) ++marked;
    return marked;
  }

  void expect_filtering() {
    TapReader tap("upper");
    EXPECT_EQ(arrivals(tap, kWanted, kWantedVlan), kFrames);
    EXPECT_EQ(arrivals(tap, kWanted, kUnwantedVlan), 0);
    EXPECT_EQ(arrivals(tap, kUnwanted, 0), 0);
    EXPECT_EQ(enforcement_problems(bench_->bpffs.path(), "lower"), std::vector<std::string>{});
  }

  void expect_refused(const std::string& arguments, const std::vector<std::string>& said) {
    const CommandResult result = bench_->loader.run(arguments);
    EXPECT_EQ(result.status, 1);
    for (const std::string& part : said) EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  }

  std::optional<Bench> bench_;
};

// Tc filters

TEST_F(MannersTest, FiltersBeforeAndAfterOursKeepSeeingFrames) {
  const std::uint32_t lower = ifindex_of("lower");
  const std::uint32_t upper = ifindex_of("upper");
  const ForeignFilter lower_first(lower, 10), lower_last(lower, 60000), upper_first(upper, 10),
      upper_last(upper, 60000);
  const std::string before = bench_->state();
  must("attach lower --mode tc");
  must(kSet);
  send_frames(kWanted, kWantedVlan, kFrames);
  send_frames(kWanted, kUnwantedVlan, kFrames);

  EXPECT_EQ(lower_first.frames(), 2 * kFrames);
  EXPECT_EQ(lower_last.frames(), kFrames) << "the early drop is between the two";
  EXPECT_EQ(upper_first.frames(), kFrames);
  EXPECT_EQ(upper_last.frames(), kFrames);

  must("detach lower");
  EXPECT_EQ(bench_->state(), before);
  send_frames(kWanted, kWantedVlan, kFrames);
  EXPECT_EQ(lower_last.frames(), 2 * kFrames);
  EXPECT_EQ(upper_last.frames(), 2 * kFrames);
}

// With the early drop elsewhere, so that the guard is what drops.
TEST_F(MannersTest, AFilterAfterTheGuardSeesWhatItAdmits) {
  make(Uppers::bridge);
  const std::uint32_t upper = ifindex_of("upper");
  const ForeignFilter first(upper, 10), last(upper, 60000);
  must("attach lower");
  must(kSet);
  send_frames(Topology::kUpperAddress, kWantedVlan, kFrames);
  send_frames(Topology::kUpperAddress, kUnwantedVlan, kFrames);
  EXPECT_EQ(first.frames(), 2 * kFrames);
  EXPECT_EQ(last.frames(), kFrames);
}

TEST_F(MannersTest, TakesTheNextPrefWhereOursIsTaken) {
  must_run(
      "tc qdisc add dev lower clsact && tc qdisc add dev upper clsact &&"
      "tc filter add dev upper ingress pref 100 protocol all u32 match u32 0 0 classid 1:1");
  const ForeignFilter lower_filter(ifindex_of("lower"), 100);
  const std::string before = bench_->state();
  must("attach lower");
  must(kSet);
  for (const char* device : {"lower", "upper"})
    EXPECT_NE(must_run(std::string("tc filter show dev ") + device + " ingress").find("pref 101 bpf"),
              std::string::npos)
        << device;
  expect_filtering();
  EXPECT_GT(lower_filter.frames(), 0U);
  must("detach lower");
  EXPECT_EQ(bench_->state(), before);
}

// Qdiscs

TEST_F(MannersTest, LivesWithAnIngressQdisc) {
  must_run("tc qdisc add dev lower ingress && tc qdisc add dev upper ingress");
  const std::string before = bench_->state();
  must("attach lower");
  must(kSet);
  expect_filtering();
  must("detach lower");
  EXPECT_EQ(bench_->state(), before);
}

TEST_F(MannersTest, KeepsAClsactOfSomebodyElse) {
  must_run("tc qdisc add dev lower clsact && tc qdisc add dev upper clsact");
  const std::string before = bench_->state();
  must("attach lower");
  must(kSet);
  must("attach lower --mode native");
  must("attach lower --mode tc");
  must("detach lower");
  EXPECT_EQ(bench_->state(), before);
}

TEST_F(MannersTest, KeepsItsOwnClsactForAFilterOfSomebodyElse) {
  must("attach lower");
  must(kSet);
  const ForeignFilter lower_filter(ifindex_of("lower"), 10);
  const ForeignFilter upper_filter(ifindex_of("upper"), 10);
  must("detach lower");
  for (const char* device : {"lower", "upper"}) {
    const std::string filters = must_run(std::string("tc filter show dev ") + device + " ingress");
    EXPECT_NE(filters.find("foreign_tc"), std::string::npos) << device;
    EXPECT_EQ(filters.find("rxf_"), std::string::npos) << filters;
  }
  send_frames(kUnwanted, 0, kFrames);
  EXPECT_EQ(lower_filter.frames(), kFrames);
  EXPECT_EQ(upper_filter.frames(), kFrames);
}

// Both halves of clsact count as somebody else's.
TEST_F(MannersTest, KeepsItsOwnClsactForAnEgressFilterOfSomebodyElse) {
  must("attach lower");
  must_run("tc filter add dev lower egress pref 5 protocol all u32 match u32 0 0 classid 1:1");
  must("detach lower");
  EXPECT_NE(must_run("tc filter show dev lower egress").find("u32"), std::string::npos);
}

// XDP

TEST_F(MannersTest, AForeignXdpProgramIsRefusedByNameAndId) {
  for (const auto mode : {ForeignXdp::Mode::native, ForeignXdp::Mode::generic}) {
    make(Uppers::passthru);
    const ForeignXdp foreign(ifindex_of("lower"), mode);
    const std::string before = bench_->state();
    ASSERT_NE(before.find("prog/xdp id " + std::to_string(foreign.id())), std::string::npos) << before;
    for (const char* arguments :
         {"attach lower --mode native", "attach lower --mode generic", "attach lower --mode native --dry-run"})
      expect_refused(arguments, {"lower", "foreign_xdp", "id " + std::to_string(foreign.id()), "--mode tc"});
    EXPECT_EQ(bench_->state(), before);
  }
}

TEST_F(MannersTest, AttachedAtTcAForeignXdpProgramKeepsItOutOfXdp) {
  const ForeignXdp foreign(ifindex_of("lower"), ForeignXdp::Mode::native);
  const std::string before = bench_->state();
  must("attach lower --mode auto");
  must(kSet);
  const std::string attached = bench_->state();
  expect_refused("attach lower --mode native", {"foreign_xdp", "id " + std::to_string(foreign.id())});
  EXPECT_EQ(bench_->state(), attached);
  expect_filtering();
  EXPECT_NE(must("status lower").find("early drop: tc"), std::string::npos);
  must("detach lower");
  EXPECT_EQ(bench_->state(), before);
}

// Detach

struct Restored {
  const char* name;
  Uppers uppers;
  const char* mode;
  const char* edits;  // one `set upper` a line
};

void PrintTo(const Restored& restored, std::ostream* out) { *out << restored.mode << ": " << restored.edits; }

class RestoreTest : public MannersTest, public testing::WithParamInterface<Restored> {};

TEST_P(RestoreTest, DetachPutsBackWhatWas) {
  make(GetParam().uppers);
  const std::string before = bench_->state();
  must(std::string("attach lower --mode ") + GetParam().mode);
  const std::string attached = bench_->state();
  std::istringstream edits(GetParam().edits);
  for (std::string edit; std::getline(edits, edit);) must("set upper " + edit);
  EXPECT_NE(bench_->state(), attached);
  EXPECT_EQ(enforcement_problems(bench_->bpffs.path(), "lower"), std::vector<std::string>{});
  must("clear upper");
  EXPECT_EQ(bench_->state(), attached);
  for (edits = std::istringstream(GetParam().edits); !edits.eof();)
    if (std::string edit; std::getline(edits, edit)) must("set upper " + edit);
  must("detach lower");
  EXPECT_EQ(bench_->state(), before);
}

std::string restored_name(const testing::TestParamInfo<Restored>& info) { return info.param.name; }

constexpr const char* kUnicastEdit = "--unicast 02:bb:00:00:00:01,02:bb:00:00:00:02 --multicast none";
constexpr const char* kMulticastEdit = "--unicast none --multicast 01:00:5e:01:02:03,33:33:00:00:00:09";
constexpr const char* kAllmultiEdit = "--flags broadcast,multicast --multicast all";
constexpr const char* kPromiscEdit = "--flags broadcast,multicast,promisc --unicast 02:bb:00:00:00:01";
constexpr const char* kChangingEdits =
    "--unicast 02:bb:00:00:00:01 --multicast 01:00:5e:01:02:03 --vlan 42\n"
    "--unicast 02:bb:00:00:00:02 --multicast all --vlan 42,43\n"
    "--flags +promisc\n"
    "--flags -promisc,-allmulti --unicast +02:bb:00:00:00:03 --vlan none";

INSTANTIATE_TEST_SUITE_P(Sets, RestoreTest,
                         testing::Values(Restored{"PassthruUnicast", Uppers::passthru, "tc", kUnicastEdit},
                                         Restored{"PassthruMulticast", Uppers::passthru, "tc", kMulticastEdit},
                                         Restored{"PassthruAllmulti", Uppers::passthru, "tc", kAllmultiEdit},
                                         Restored{"PassthruPromisc", Uppers::passthru, "tc", kPromiscEdit},
                                         Restored{"PassthruVlans", Uppers::passthru, "tc", "--vlan 1-4094"},
                                         Restored{"PassthruChanging", Uppers::passthru, "tc", kChangingEdits},
                                         Restored{"PassthruNative", Uppers::passthru, "native", kChangingEdits},
                                         Restored{"PassthruGeneric", Uppers::passthru, "generic", kChangingEdits},
                                         Restored{"BridgeUnicast", Uppers::bridge, "tc", kUnicastEdit},
                                         Restored{"BridgeAllmulti", Uppers::bridge, "tc", kAllmultiEdit},
                                         Restored{"BridgeChanging", Uppers::bridge, "tc", kChangingEdits},
                                         Restored{"BridgeNative", Uppers::bridge, "native", kChangingEdits}),
                         restored_name);

TEST_F(MannersTest, ListEntriesOfSomebodyElseThatEqualOursSurvive) {
  must_run(
      "bridge fdb add 02:bb:00:00:00:01 dev upper self permanent && ip maddr add 01:00:5e:01:02:03 dev upper &&"
      "ip link set upper allmulticast on");
  const std::string before = bench_->state();
  must("attach lower");
  must("set upper --unicast 02:bb:00:00:00:01,02:bb:00:00:00:02 --multicast 01:00:5e:01:02:03,01:00:5e:01:02:04");
  must("set upper --multicast all");
  must("set upper --unicast 02:bb:00:00:00:02 --multicast 01:00:5e:01:02:04");
  must("set upper --unicast 02:bb:00:00:00:01 --multicast 01:00:5e:01:02:03");
  must("detach lower");
  EXPECT_EQ(bench_->state(), before);
}

// Attach again

TEST_F(MannersTest, AttachingAgainChangesNothing) {
  for (const char* mode : {"tc", "native", "generic"}) {
    must(std::string("attach lower --mode ") + mode);
    must(kSet);
    const std::string attached = bench_->state();
    EXPECT_EQ(must("attach lower"), "lower: already attached\n") << mode;
    EXPECT_EQ(must(std::string("attach lower --mode ") + mode), "lower: already attached\n");
    EXPECT_EQ(bench_->state(), attached);
  }
}

TEST_F(MannersTest, AttachingWithAnotherModeMovesTheEarlyDrop) {
  const std::string before = bench_->state();
  must("attach lower --mode tc");
  must(kSet);
  for (const auto& [mode, shown] : {std::pair{"native", "xdp-native"},
                                    {"generic", "xdp-generic"},
                                    {"tc", "tc"},
                                    {"generic", "xdp-generic"},
                                    {"native", "xdp-native"},
                                    {"auto", "tc"}}) {
    must(std::string("attach lower --mode ") + mode);
    EXPECT_NE(must("status lower -j").find("\"early_drop\":\"" + std::string(shown) + "\""), std::string::npos);
    const std::string state = bench_->state();
    EXPECT_EQ(state.find("rxf_early_tc") != std::string::npos, std::string(shown) == "tc") << state;
    EXPECT_EQ(state.find("prog/xdp") != std::string::npos, std::string(shown) != "tc") << state;
    expect_filtering();
  }
  must("detach lower");
  EXPECT_EQ(bench_->state(), before);
}

TEST_F(MannersTest, AGuardThatSomebodyRemovedIsReportedAndPutBack) {
  must("attach lower");
  must(kSet);
  const std::string attached = must("status lower");
  must_run("tc filter del dev upper ingress");
  EXPECT_NE(must("status lower").find("upper has no guard"), std::string::npos) << must("status lower");
  EXPECT_NE(must("attach lower"), "lower: already attached\n");
  EXPECT_EQ(must("status lower"), attached);
  expect_filtering();
}

TEST_F(MannersTest, AnEarlyDropThatSomebodyRemovedIsReportedAndPutBack) {
  for (const auto& [mode, removal] : {std::pair{"tc", "tc filter del dev lower ingress"},
                                      {"tc", "tc qdisc del dev lower clsact"},
                                      {"native", "ip link set dev lower xdpdrv off"},
                                      {"generic", "ip link set dev lower xdpgeneric off"}}) {
    make(Uppers::passthru);
    const std::string before = bench_->state();
    must(std::string("attach lower --mode ") + mode);
    must(kSet);
    const std::string attached = must("status lower");
    must_run(removal);
    EXPECT_NE(must("status lower").find("the early drop is not attached"), std::string::npos) << must("status lower");
    expect_filtering();
    EXPECT_NE(must("attach lower"), "lower: already attached\n");
    EXPECT_EQ(must("status lower").substr(0, 20), attached.substr(0, 20));
    EXPECT_EQ(must("status lower").find("not attached"), std::string::npos);
    must("detach lower");
    EXPECT_EQ(bench_->state(), before);
  }
}

// Devices that go

TEST_F(MannersTest, TheEarlyDropStandsDownWhenTheLastUpperGoes) {
  for (const char* mode : {"tc", "native", "generic"}) {
    make(Uppers::passthru);
    const ForeignFilter host(ifindex_of("lower"), 60000);
    must(std::string("attach lower --mode ") + mode);
    must(kSet);
    send_frames(kUnwanted, 0, kFrames);
    EXPECT_EQ(host.frames(), 0U) << mode;

    must_run("ip link del upper");
    send_frames(kUnwanted, 0, kFrames);
    send_frames(kUnwanted, kUnwantedVlan, kFrames);
    EXPECT_EQ(host.frames(), 2 * kFrames) << mode;
    must("attach lower");
    EXPECT_EQ(enforcement_problems(bench_->bpffs.path(), "lower"), std::vector<std::string>{});
    must("detach lower");
    EXPECT_EQ(bench_->state().find("rxf_"), std::string::npos) << bench_->state();
  }
}

TEST_F(MannersTest, PinsOfADeviceThatIsGoneAreRemovedByDetach) {
  must("attach lower");
  must(kSet);
  must_run("ip link del lower");
  EXPECT_NE(bench_->state().find("rxfilter"), std::string::npos);
  must("detach lower");
  EXPECT_EQ(bench_->state().find("rxfilter"), std::string::npos);
  expect_refused("detach lower", {"no such device: lower"});
}

}  // namespace
}  // namespace rxf::test
