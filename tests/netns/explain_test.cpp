// SPDX-License-Identifier: GPL-2.0-only
// `explain` against what real frames do: random filter sets on real macvtaps, random frames, and for each of them the
// verdict, the hook and the reason.
#include "loader/mirror/explain.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <set>
#include <thread>

#include "loader/cli/render_explanation.h"
#include "loader/datapath/rule_maps.h"
#include "tests/model/generator.h"
#include "tests/support/command.h"
#include "tests/support/frame_sender.h"
#include "tests/support/metadata_tagger.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/tap_reader.h"
#include "tests/support/tc_hook.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using mirror::AskedFrame;
using mirror::AttachMode;
using mirror::Explanation;
using mirror::HookRuling;
using mirror::Stage;
using mirror::Why;

constexpr std::uint32_t kKind = 0x6578706c;
constexpr MacAddress kLowerAddress = {{0x0a, 0, 0, 0, 0, 0}};  // beside bridge-mode uppers
constexpr MacAddress kSiblingAddress = {{0x02, 0xaa, 0, 0, 0, 2}};
constexpr MacAddress kListed = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr MacAddress kUnknown = {{0x02, 0xcc, 0, 0, 0, 1}};
constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

AskedFrame asked(const MacAddress& destination, std::vector<VlanTag> tags = {}, std::optional<VlanTag> metadata = {}) {
  return {.bytes = to_bytes({.destination = destination, .tags = std::move(tags)}), .metadata = metadata};
}

class ExplainTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
    bpffs_.emplace();
    context_.bpffs = bpffs_->path();
  }

  void attach(Uppers uppers, AttachMode mode) {
    topology_.emplace(uppers);
    if (uppers == Uppers::bridge) must_run("ip link set lower address " + rxf::to_string(kLowerAddress));
    const auto attached = mirror::attach(context_, "lower", {.mode = mode});
    ASSERT_TRUE(attached) << attached.error().text;
    ASSERT_EQ(attached->status.problems, std::vector<std::string>{});
    pins_ = attached->status.pin_directory;
  }

  void set(const std::string& upper, const FilterSet& filter) const {
    const auto done = mirror::set(context_, upper, {.whole = filter});
    ASSERT_TRUE(done) << done.error().text;
  }

  [[nodiscard]] std::vector<Explanation> explain(const std::string& device,
                                                 const std::vector<AskedFrame>& frames) const {
    auto answers = mirror::explain(context_, device, frames);
    if (!answers) throw std::runtime_error(answers.error().text);
    return std::move(*answers);
  }
  [[nodiscard]] Explanation explain(const std::string& device, const AskedFrame& frame) const {
    return explain(device, std::vector{frame}).at(0);
  }
  [[nodiscard]] std::string text(const std::string& device, const AskedFrame& frame) const {
    return cli::explanation_text(explain(device, frame));
  }

  [[nodiscard]] datapath::RuleMaps maps() const {
    auto opened = datapath::RuleMaps::open(pins_);
    if (!opened) throw std::runtime_error(opened.error().text);
    return std::move(*opened);
  }

  std::optional<ScratchBpffs> bpffs_;
  mirror::Context context_;
  std::optional<Topology> topology_;
  std::string pins_;
};

FilterSet listed_on(const char* vlans) {
  return {.addresses = AddressFilter{.flags = {.multicast = true}, .unicast = {kListed}},
          .vlans = *VlanSet::parse(vlans)};
}

TEST_F(ExplainTest, SaysWhereAndWhy) {
  ASSERT_NO_FATAL_FAILURE(attach(Uppers::passthru, AttachMode::tc));
  ASSERT_NO_FATAL_FAILURE(set("upper", listed_on("42,100-109")));
  EXPECT_EQ(text("lower", asked(kListed, {{kTpidCustomer, 7}})),
            "drop: vlan   upper has this address, but on VLANs 42,100-109 only\n"
            "  early drop (tc on lower): drop: vlan\n");
  EXPECT_EQ(text("lower", asked(kListed, {}, VlanTag{kTpidCustomer, 7})),
            text("lower", asked(kListed, {{kTpidCustomer, 7}})));
  EXPECT_EQ(text("lower", asked(kListed, {{kTpidCustomer, 7}}, VlanTag{kTpidCustomer, 42})),
            "pass   admitted by the guard of upper\n"
            "  early drop (tc on lower): passes, some upper's filter set takes it\n"
            "  guard of upper: passes, its filter set takes it\n");
  EXPECT_EQ(text("upper", asked(kUnknown)),
            "drop: unicast   at the early drop (tc on lower): no upper and nobody on the host has this address\n"
            "  early drop (tc on lower): drop: unicast\n");
  EXPECT_EQ(text("lower", asked(kBroadcast)),
            "pass   let through by the early drop: it is broadcast or multicast that the host may want\n"
            "  early drop (tc on lower): passes\n"
            "  guard of upper: drop: broadcast, the broadcast flag of upper is off\n");
  EXPECT_EQ(text("lower", asked(kBroadcast, {{kTpidCustomer, 42}})),
            "drop: broadcast   at the early drop (tc on lower): no upper has the broadcast flag\n"
            "  early drop (tc on lower): drop: broadcast\n");
  // The early drop lets link-local control through, and the guard of its only upper does not take it.
  const AskedFrame lldp = asked({{0x01, 0x80, 0xc2, 0, 0, 0x0e}});
  EXPECT_EQ(text("lower", lldp),
            "pass   let through by the early drop: link-local control\n"
            "  early drop (tc on lower): passes\n"
            "  guard of upper: drop: multicast, upper has not joined 01:80:c2:00:00:0e\n");
  EXPECT_EQ(text("upper", lldp),
            "drop: multicast   upper has not joined 01:80:c2:00:00:0e\n"
            "  early drop (tc on lower): passes, link-local control\n"
            "  guard of upper: drop: multicast\n");
}

TEST_F(ExplainTest, AsksTheGuardOfEveryUpper) {
  ASSERT_NO_FATAL_FAILURE(attach(Uppers::bridge, AttachMode::tc));
  ASSERT_NO_FATAL_FAILURE(set("upper", {.addresses = AddressFilter{}, .vlans = *VlanSet::parse("42")}));
  const Explanation broadcast = explain("lower", asked(kBroadcast));
  EXPECT_TRUE(broadcast.passes);
  EXPECT_EQ(
      broadcast.sentence,
      "sibling is unfiltered; let through by the early drop: it is broadcast or multicast that the host may want");
  ASSERT_NO_FATAL_FAILURE(set("sibling", {.addresses = AddressFilter{}, .vlans = *VlanSet::parse("7")}));
  EXPECT_EQ(explain("lower", asked(kBroadcast)).hooks.size(), 3U);
  // A pair across: the address of one on the VLAN of the other, which never sees it.
  const AskedFrame across = asked(Topology::kUpperAddress, {{kTpidCustomer, 7}});
  EXPECT_EQ(text("lower", across),
            "drop: vlan   upper has this address, but on VLAN 42 only\n"
            "  early drop (tc on lower): passes, some upper's filter set takes it\n"
            "  guard of upper: drop: vlan\n");
  // On nobody's VLAN: the early drop lets it through for its address, which is on the list for the upper's sake.
  EXPECT_EQ(text("lower", asked(Topology::kUpperAddress, {{kTpidCustomer, 9}})),
            "drop: vlan   upper has this address, but on VLAN 42 only\n"
            "  early drop (tc on lower): passes, the address is lower's own, or on its unicast list\n"
            "  guard of upper: drop: vlan\n");
}

TEST_F(ExplainTest, LooksAtTheDeviceAsItIsNow) {
  for (const AttachMode mode : {AttachMode::tc, AttachMode::native, AttachMode::generic}) {
    ASSERT_NO_FATAL_FAILURE(attach(Uppers::passthru, mode));
    ASSERT_NO_FATAL_FAILURE(set("upper", listed_on("42")));
    EXPECT_FALSE(explain("lower", asked(kUnknown)).passes);
    must_run("ip link set lower promisc on");
    EXPECT_EQ(explain("lower", asked(kUnknown)).hooks.at(0).why, Why::promisc);
    EXPECT_FALSE(explain("upper", asked(kUnknown)).passes);
    must_run("ip link set lower promisc off");
    EXPECT_FALSE(explain("lower", asked(kUnknown)).passes);
    must_run("ip link del upper");
    EXPECT_EQ(explain("lower", asked(kUnknown)).hooks.at(0).why, Why::no_upper);
    topology_.reset();
  }
}

TEST_F(ExplainTest, ShadowIsSaid) {
  ASSERT_NO_FATAL_FAILURE(attach(Uppers::passthru, AttachMode::tc));
  ASSERT_NO_FATAL_FAILURE(set("upper", listed_on("42")));
  datapath::RuleMaps rules = maps();
  rules.store_control(RXF_CONTROL_SHADOW);
  EXPECT_EQ(text("lower", asked(kUnknown)),
            "drop: unicast   at the early drop (tc on lower): no upper and nobody on the host has this address"
            "   (shadow: counted, not dropped)\n"
            "  early drop (tc on lower): drop: unicast   (shadow: counted, not dropped)\n"
            "  guard of upper: drop: unicast, upper does not have this address   (shadow: counted, not dropped)\n");
  rules.store_control(0);
  rules.store_deadline(1);
  EXPECT_FALSE(explain("lower", asked(kUnknown)).enforced);
  rules.store_deadline(0);
  EXPECT_TRUE(explain("lower", asked(kUnknown)).enforced);
}

TEST_F(ExplainTest, ShortFrames) {
  ASSERT_NO_FATAL_FAILURE(attach(Uppers::passthru, AttachMode::tc));
  ASSERT_NO_FATAL_FAILURE(set("upper", listed_on("42")));
  for (std::size_t length = 0; length <= 18; ++length) {
    AskedFrame frame = asked(kListed, {{kTpidCustomer, 7}});
    frame.bytes.resize(length);
    const Explanation answer = explain("lower", frame);
    EXPECT_EQ(answer.hooks.empty(), length < 14) << length;
    EXPECT_EQ(answer.passes, length < 14) << length << answer.sentence;  // a tag cut short is out of reach
  }
}

TEST_F(ExplainTest, WhatIsNotAttachedIsNotExplained) {
  topology_.emplace(Uppers::passthru);
  for (const char* device : {"lower", "upper"}) {
    const auto answer = mirror::explain(context_, device, {asked(kUnknown)});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().exit, Exit::not_attached) << answer.error().text;
  }
}

// A program of another version: the same name and map, other instructions.
int load_another_guard(int slots) {
  const std::vector<bpf_insn> instructions = {
      {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = slots},
      {},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = -1},
      {.code = BPF_JMP | BPF_EXIT}};
  return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, datapath::kGuardProgram, "GPL", instructions.data(),
                       instructions.size(), nullptr);
}

TEST_F(ExplainTest, AnotherVersionIsRefused) {
  ASSERT_NO_FATAL_FAILURE(attach(Uppers::passthru, AttachMode::tc));
  ASSERT_NO_FATAL_FAILURE(set("upper", listed_on("42")));
  const Fd slots(bpf_obj_get((pins_ + "/slots").c_str()));
  const Fd program(load_another_guard(slots.get()));
  ASSERT_TRUE(program);
  datapath::RuleMaps rules = maps();
  auto [ifindex, entry] = *rules.uppers()->begin();
  const bpf_tc_hook hook = tc_hook(ifindex, BPF_TC_INGRESS);
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = entry.guard.handle;
  options.priority = entry.guard.priority;
  options.prog_fd = program.get();
  options.flags = BPF_TC_F_REPLACE;
  check_libbpf(bpf_tc_attach(&hook, &options), "replace the guard");
  entry.guard.prog_id = datapath::program_info(program.get())->id;
  ASSERT_TRUE(rules.put_upper(ifindex, entry));

  const auto refused = mirror::explain(context_, "upper", {asked(kListed)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "another version of the programs is attached to upper: rxfilter-loader attach lower");
  ASSERT_TRUE(mirror::attach(context_, "lower", {}));
  EXPECT_TRUE(explain("upper", asked(kListed)).passes);
}

// Packets by verdict, at one hook.
using Packets = std::map<Verdict, std::uint64_t>;
using Tallies = std::map<std::string, Packets>;  // "early", or an upper's name

std::string to_string(const Tallies& tallies) {
  std::string text;
  for (const auto& [hook, packets] : tallies)
    for (const auto& [verdict, count] : packets)
      text += hook + " " + std::string(rxf::to_string(verdict)) + " " + std::to_string(count) + "; ";
  return text;
}

struct Round {
  const char* name;
  Uppers uppers;
  AttachMode mode;
  int filter_sets;
};

std::ostream& operator<<(std::ostream& stream, const Round& round) { return stream << round.name; }

// Real frames and `explain` side by side. The uppers take all multicast from macvlan, so that the guards decide.
class AgreementTest : public ExplainTest, public testing::WithParamInterface<Round> {
 protected:
  static constexpr int kFrames = 200;  // fewer than the queue of a macvtap holds

  void SetUp() override {
    ExplainTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_NO_FATAL_FAILURE(attach(GetParam().uppers, GetParam().mode));
    const bool alone = GetParam().uppers == Uppers::passthru;
    snapshot_ = {.name = "lower", .address = alone ? Topology::kUpperAddress : kLowerAddress};
    add_upper("upper", Topology::kUpperAddress);
    if (!alone) add_upper("sibling", kSiblingAddress);
    tagger_.emplace(ifindex_of("far"));
    sender_.emplace(ifindex_of("far"));
  }

  void add_upper(const std::string& name, const MacAddress& address) {
    must_run("ip link set " + name + " allmulticast on");
    snapshot_.uppers.push_back({.name = name, .address = address});
    taps_.emplace(name, name);
  }

  // Disjoint lists, since an address belongs to one upper; one set in six is none.
  void draw_filters() {
    AddressSet taken;
    for (Upper& upper : snapshot_.uppers) {
      ASSERT_NO_FATAL_FAILURE(set(upper.name, {}));
      upper.filter = ++drawn_ % 6 == 0 ? FilterSet{} : generator_.filter();
      if (!upper.filter.addresses) continue;
      AddressSet& unicast = upper.filter.addresses->unicast;
      unicast = difference(unicast, taken);
      taken.insert(unicast.begin(), unicast.end());
    }
    for (const Upper& upper : snapshot_.uppers) ASSERT_NO_FATAL_FAILURE(set(upper.name, upper.filter));
  }

  std::vector<AskedFrame> draw_frames() {
    std::vector<AskedFrame> frames;
    for (int i = 0; i < kFrames; ++i) {
      const ProbeParts parts = generator_.probe(snapshot_);
      frames.push_back({.bytes = to_bytes({.destination = parts.destination,
                                           .tags = parts.in_frame,
                                           .payload = to_payload({.kind = kKind, .sequence = sequence_++})}),
                        .metadata = parts.metadata});
    }
    return frames;
  }

  [[nodiscard]] Tallies counters() const {
    const auto status = mirror::status(context_, "lower");
    if (!status) throw std::runtime_error(status.error().text);
    Tallies tallies;
    for (const auto& [verdict, count] : status->early_counters.dropped) tallies["early"][verdict] = count.packets;
    for (const mirror::UpperStatus& upper : status->uppers) {
      if (!upper.counters) continue;
      for (const auto& [verdict, count] : upper.counters->dropped) tallies[upper.name][verdict] = count.packets;
      tallies[upper.name][Verdict::accept] = upper.counters->admitted.packets;
    }
    return tallies;
  }

  // Whether macvlan, or the steering before it, hands the frame to the upper. PASSTHRU hands on everything.
  [[nodiscard]] bool is_delivered(const Upper& upper, const AskedFrame& frame, const Explanation& answer) const {
    if (GetParam().uppers == Uppers::passthru) return true;
    const MacAddress destination = parse_frame(frame.bytes)->destination;
    if (destination.is_group()) return true;
    const auto steering = std::ranges::find(answer.hooks, Stage::steering, &HookRuling::stage);
    if (steering != answer.hooks.end() && steering->target) return *steering->target == upper.name;
    return destination == upper.address;
  }

  // What `explain` foretells: who reads what, and which counters move.
  struct Forecast {
    std::map<std::string, std::set<std::uint64_t>> arrivals;  // by upper
    Tallies counted;
  };

  void foretell(const AskedFrame& frame, const Explanation& answer, Forecast& forecast) {
    const HookRuling& early = answer.hooks.at(0);
    EXPECT_EQ(early.stage, Stage::early);
    ++seen_["early " + std::string(early.rejects() ? rxf::to_string(early.reason) : mirror::to_string(early.why))];
    if (early.rejects()) {
      ++forecast.counted["early"][early.reason];
      return;
    }
    for (const Upper& upper : snapshot_.uppers) {
      if (!is_delivered(upper, frame, answer)) continue;
      const auto guard = std::ranges::find_if(answer.hooks, [&](const HookRuling& ruling) {
        return ruling.stage == Stage::guard && ruling.device == upper.name;
      });
      ASSERT_NE(guard, answer.hooks.end()) << cli::explanation_text(answer);
      ++seen_["guard " + std::string(guard->rejects() ? rxf::to_string(guard->reason) : mirror::to_string(guard->why))];
      if (!guard->rejects()) forecast.arrivals[upper.name].insert(find_marker(frame.bytes)->sequence);
      if (guard->hook != mirror::EarlyHook::none) ++forecast.counted[upper.name][guard->reason];
    }
  }

  // Everything that comes until `wanted` is complete, and a little longer.
  std::set<std::uint64_t> read_all(const std::string& upper, const std::set<std::uint64_t>& wanted) {
    std::set<std::uint64_t> read;
    for (;;) {
      const auto frame = taps_.at(upper).read_frame(std::ranges::includes(read, wanted) ? 5 : 1000);
      if (!frame) return read;
      const auto marker = find_marker(*frame);
      if (!marker || marker->kind != kKind) continue;
      EXPECT_TRUE(read.insert(marker->sequence).second) << "twice";
    }
  }

  [[nodiscard]] std::string describe(const std::vector<AskedFrame>& frames, std::uint64_t sequence) const {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (find_marker(frames[i].bytes)->sequence != sequence) continue;
      const ProbeParts parts{.destination = parse_frame(frames[i].bytes)->destination,
                             .metadata = frames[i].metadata,
                             .in_frame = parse_packet(frames[i].bytes)->tags};
      return test::to_string(parts) + "\n" + cli::explanation_text(explain("lower", frames[i]));
    }
    return "a frame of another round\n";
  }

  void compare(const std::vector<AskedFrame>& frames, const std::string& upper, const std::set<std::uint64_t>& foretold,
               const std::set<std::uint64_t>& arrived) const {
    for (const std::uint64_t sequence : foretold)
      EXPECT_TRUE(arrived.contains(sequence)) << "did not come to " << upper << ": " << describe(frames, sequence);
    for (const std::uint64_t sequence : arrived)
      EXPECT_TRUE(foretold.contains(sequence)) << "came to " << upper << ": " << describe(frames, sequence);
  }

  // Frames that are dropped behind macvlan's queue may still be on their way.
  [[nodiscard]] Tallies counted_since(const Tallies& before, const Tallies& foretold) const {
    Tallies moved;
    for (int attempt = 0; attempt < 100; ++attempt) {
      moved.clear();
      for (const auto& [hook, packets] : counters())
        for (const auto& [verdict, count] : packets) {
          const auto known = before.find(hook);
          const std::uint64_t old = known == before.end() ? 0 : known->second.at(verdict);
          if (count != old) moved[hook][verdict] = count - old;
        }
      if (moved == foretold) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return moved;
  }

  void judge_one_filter_set() {
    ASSERT_NO_FATAL_FAILURE(draw_filters());
    const std::vector<AskedFrame> frames = draw_frames();
    const Tallies before = counters();
    // Asked before they are sent: what asking counted would be found as well.
    const std::vector<Explanation> answers = explain("lower", frames);
    ASSERT_EQ(answers.size(), frames.size());
    Forecast forecast;
    for (std::size_t i = 0; i < frames.size(); ++i) ASSERT_NO_FATAL_FAILURE(foretell(frames[i], answers[i], forecast));
    for (const AskedFrame& frame : frames) sender_->send(frame.bytes, frame.metadata);
    for (const Upper& upper : snapshot_.uppers) {
      const auto& foretold = forecast.arrivals[upper.name];
      compare(frames, upper.name, foretold, read_all(upper.name, foretold));
    }
    const Tallies counted = counted_since(before, forecast.counted);
    EXPECT_EQ(to_string(counted), to_string(forecast.counted));
    ASSERT_FALSE(HasFailure()) << test::to_string(snapshot_);
  }

  Generator generator_{20261122 + static_cast<unsigned>(GetParam().filter_sets)};  // each round its own
  Snapshot snapshot_;
  std::map<std::string, TapReader> taps_;
  std::optional<MetadataTagger> tagger_;
  std::optional<FrameSender> sender_;
  std::uint64_t sequence_ = 1;
  int drawn_ = 0;
  std::map<std::string, int> seen_;  // rulings, to show that there were some of each
};

INSTANTIATE_TEST_SUITE_P(Hooks, AgreementTest,
                         testing::Values(Round{"PassthruTc", Uppers::passthru, AttachMode::tc, 15},
                                         Round{"PassthruNative", Uppers::passthru, AttachMode::native, 8},
                                         Round{"PassthruGeneric", Uppers::passthru, AttachMode::generic, 7},
                                         Round{"BridgeTc", Uppers::bridge, AttachMode::tc, 20}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(AgreementTest, RealFramesFareAsExplained) {
  for (int i = 0; i < GetParam().filter_sets; ++i) ASSERT_NO_FATAL_FAILURE(judge_one_filter_set()) << "set " << i;
  for (const auto& [ruling, count] : seen_) std::cout << ruling << " " << count << "\n";
  // 10 000 frames of one kind would prove nothing.
  for (const char* ruling : {"early unicast", "early filter", "guard filter", "guard unfiltered"})
    EXPECT_GT(seen_[ruling], 20) << ruling;
  EXPECT_GT(seen_["early vlan"] + seen_["guard vlan"], 100);
  EXPECT_GT(seen_["early multicast"] + seen_["guard multicast"], 20);
  EXPECT_GT(seen_["early broadcast"] + seen_["guard broadcast"], 20);
}

}  // namespace
}  // namespace rxf::test
