// SPDX-License-Identifier: GPL-2.0-only
// Several uppers on one lower device: what each of them, and the host, receives with filter sets is told from the
// reference verdict and from what they received before anything was attached.
#include <gtest/gtest.h>
#include <linux/if_packet.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <map>
#include <random>
#include <tuple>

#include "loader/mirror/operations.h"
#include "loader/model/verdict.h"
#include "tests/support/command.h"
#include "tests/support/host_state.h"
#include "tests/support/loader_command.h"
#include "tests/support/many_uppers.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/system_call.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using mirror::AttachMode;

constexpr MacAddress kBroadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr std::uint8_t kFurtherPool = 4;    // further unicast addresses, of each upper
constexpr std::uint8_t kGroups = 12;        // of which filter sets list some
constexpr std::uint8_t kStrangeGroups = 4;  // that nobody lists
constexpr std::array<std::uint16_t, 10> kVids = {1, 7, 42, 63, 64, 100, 127, 2048, 4093, 4094};
constexpr std::array<std::uint16_t, 3> kStrangeVids = {2, 999, 4000};

// No two uppers share one: `set` would refuse it.
MacAddress further(std::size_t upper, std::uint8_t number) {
  return {{0x02, 0xbb, 0, 0, static_cast<std::uint8_t>(upper), number}};
}

MacAddress group(std::uint8_t number) { return {{0x01, 0x00, 0x5e, 1, 1, number}}; }

// What every filter set of a draw has, so that the early drop, which knows only all of them together, has something to
// drop.
enum class Bound { none, addresses, vlans };

struct Draw {
  std::uint64_t seed;
  Bound bound;
};

// Always the same for the same seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}

  ManyUppers::Upper upper();
  FilterSet filter(std::size_t upper, Bound bound);
  WireFrame frame(std::size_t uppers);
  bool one_in(std::uint32_t n) { return below(n) == 0; }

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  std::uint8_t small(std::uint32_t bound) { return static_cast<std::uint8_t>(below(bound)); }
  MacAddress destination(std::size_t uppers);
  std::uint16_t vid();
  VlanTag tag();
  AddressFilter addresses(std::size_t upper, bool may_be_promisc);

  std::mt19937_64 random_;
};

ManyUppers::Upper Random::upper() {
  ManyUppers::Upper made;
  for (std::uint32_t n = below(4); n > 0; --n) made.joined.insert(group(small(kGroups + kStrangeGroups)));
  return made;
}

AddressFilter Random::addresses(std::size_t upper, bool may_be_promisc) {
  AddressFilter half{.flags = {.broadcast = one_in(2),
                               .multicast = !one_in(3),
                               .promisc = may_be_promisc && one_in(6),
                               .allmulti = one_in(5)}};
  for (std::uint8_t n = 0; n < kFurtherPool; ++n)
    if (one_in(2)) half.unicast.insert(further(upper, n));
  if (half.flags.multicast)
    for (std::uint32_t n = below(5); n > 0; --n) half.multicast.insert(group(small(kGroups)));
  return half;
}

FilterSet Random::filter(std::size_t upper, Bound bound) {
  FilterSet set;
  if (bound == Bound::addresses || !one_in(4)) set.addresses = addresses(upper, bound != Bound::addresses);
  if (bound != Bound::vlans && one_in(3)) return set;
  set.vlans.emplace();
  for (std::uint32_t n = below(7); n > 0; --n) set.vlans->insert(kVids.at(below(kVids.size())));
  return set;
}

std::uint16_t Random::vid() {
  return one_in(5) ? kStrangeVids.at(below(kStrangeVids.size())) : kVids.at(below(kVids.size()));
}

VlanTag Random::tag() {
  const std::uint16_t priority = one_in(3) ? static_cast<std::uint16_t>(below(8) << 13 | below(2) << 12) : 0;
  const std::uint16_t number = one_in(8) ? 0 : vid();
  return {.tpid = one_in(6) ? kTpidService : kTpidCustomer, .tci = static_cast<std::uint16_t>(priority | number)};
}

MacAddress Random::destination(std::size_t uppers) {
  const std::size_t upper = below(static_cast<std::uint32_t>(uppers));
  switch (below(16)) {
    case 0:
    case 1:
      return kBroadcast;
    case 2:
      return {{0x01, 0x80, 0xc2, 0, 0, small(18)}};
    case 3:
      return ManyUppers::kLowerAddress;
    case 4:
      return {{0x02, 0xcc, 0, 0, 0, small(4)}};
    case 5:
    case 6:
    case 7:
    case 8:
      return ManyUppers::address(upper);
    case 9:
    case 10:
    case 11:
      return group(small(kGroups + kStrangeGroups));
    default:
      return further(upper, small(kFurtherPool));
  }
}

WireFrame Random::frame(std::size_t uppers) {
  WireFrame frame{.destination = destination(uppers)};
  if (one_in(3)) return frame;
  if (one_in(2)) frame.metadata = tag();
  if (!frame.metadata || one_in(3)) frame.tags.push_back(tag());
  if (one_in(6)) frame.tags.push_back(tag());
  return frame;
}

class ModesTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
    bpffs_.emplace();
    context_.bpffs = bpffs_->path();
  }

  void attach(AttachMode mode) {
    const auto result = mirror::attach(context_, "lower", {.mode = mode});
    ASSERT_TRUE(result) << result.error().text;
    ASSERT_EQ(result->status.problems, std::vector<std::string>{});
  }

  void set(std::size_t upper, const FilterSet& filter) {
    const auto done = mirror::set(context_, ManyUppers::name(upper), {.whole = filter});
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(done->report.notes, std::vector<std::string>{});
  }

  [[nodiscard]] std::uint64_t early_drops() const {
    const auto status = mirror::status(context_, "lower");
    if (!status) throw std::runtime_error(status.error().text);
    std::uint64_t packets = 0;
    for (const auto& [verdict, count] : status->early_counters.dropped) packets += count.packets;
    return packets;
  }

  std::optional<ScratchBpffs> bpffs_;
  mirror::Context context_;
};

using Filters = std::map<std::size_t, FilterSet>;  // by upper; absent: unfiltered

// What was sent, and what came of it before anything was attached.
struct Baseline {
  std::vector<WireFrame> frames;
  Arrivals arrivals;
};

// Whether macvlan, or steering, hands it to an upper that accepts it.
bool is_delivered(const FilterSet& filter, std::size_t upper, const WireFrame& frame, bool before) {
  const MacAddress& destination = frame.destination;
  if (destination.is_broadcast() || destination == ManyUppers::address(upper)) return true;
  if (!filter.addresses) return before;
  return destination.is_group() || filter.addresses->unicast.contains(destination);
}

void expect_arrival(const std::string& who, const WireFrame& frame, unsigned expected, unsigned arrived) {
  EXPECT_EQ(arrived, expected) << who << ": " << to_string(frame);
}

void expect_filtered(std::size_t upper, const FilterSet& filter, const Baseline& before, const Arrivals& after) {
  for (std::size_t i = 0; i < before.frames.size(); ++i) {
    const WireFrame& frame = before.frames[i];
    const bool wanted = judge(filter, ManyUppers::address(upper), frame.judged()) == Verdict::accept &&
                        is_delivered(filter, upper, frame, before.arrivals.uppers[upper][i] > 0);
    expect_arrival(ManyUppers::name(upper) + " (filtered)", frame, wanted ? 1 : 0, after.uppers[upper][i]);
  }
}

void expect_as_before(std::size_t upper, const Baseline& before, const Arrivals& after) {
  for (std::size_t i = 0; i < before.frames.size(); ++i)
    expect_arrival(ManyUppers::name(upper) + " (unfiltered)", before.frames[i], before.arrivals.uppers[upper][i],
                   after.uppers[upper][i]);
}

void expect_host_lost_nothing(const Baseline& before, const Arrivals& after) {
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < before.frames.size(); ++i) {
    const auto type = before.arrivals.host[i];
    if (!type || type == PACKET_OTHERHOST) continue;
    ++wanted;
    EXPECT_EQ(after.host[i], type) << "host: " << to_string(before.frames[i]);
  }
  EXPECT_GT(wanted, before.frames.size() / 20);
}

// Frames that used to reach at least the host, for others, and now nobody: counters alone would not tell.
std::size_t vanished_frames(const Baseline& before, const Arrivals& after) {
  std::size_t vanished = 0;
  for (std::size_t i = 0; i < before.frames.size(); ++i) {
    const bool arrives = std::ranges::any_of(after.uppers, [&](const auto& upper) { return upper[i] > 0; });
    vanished += before.arrivals.host[i] == PACKET_OTHERHOST && !after.host[i] && !arrives ? 1 : 0;
  }
  return vanished;
}

// Filtered ones by their set, everybody else and the host by what they got before.
void expect_exact(const Filters& filters, const Baseline& before, const Arrivals& after) {
  for (std::size_t upper = 0; upper < before.arrivals.uppers.size(); ++upper) {
    const auto filter = filters.find(upper);
    if (filter == filters.end())
      expect_as_before(upper, before, after);
    else
      expect_filtered(upper, filter->second, before, after);
  }
  expect_host_lost_nothing(before, after);
}

// That of macvlan alone, so that a comparison with it means something.
void expect_plausible(const Baseline& before, std::size_t uppers) {
  for (std::size_t i = 0; i < before.frames.size(); ++i) {
    const MacAddress& destination = before.frames[i].destination;
    for (std::size_t upper = 0; upper < uppers; ++upper) {
      if (destination.is_broadcast() || destination == ManyUppers::address(upper))
        expect_arrival(ManyUppers::name(upper), before.frames[i], 1, before.arrivals.uppers[upper][i]);
      else if (!destination.is_group())
        expect_arrival(ManyUppers::name(upper), before.frames[i], 0, before.arrivals.uppers[upper][i]);
    }
  }
}

using RandomCase = std::tuple<std::size_t, const char*, AttachMode>;

class RandomModesTest : public ModesTest, public testing::WithParamInterface<RandomCase> {
 protected:
  static std::size_t count() { return std::get<0>(GetParam()); }
  static std::string mode() { return std::get<1>(GetParam()); }
  static AttachMode hook() { return std::get<2>(GetParam()); }

  // One in four is in another namespace, and the last.
  void make_uppers() {
    Random random(1000 + count());
    std::vector<ManyUppers::Upper> uppers;
    for (std::size_t i = 0; i < count(); ++i) {
      uppers.push_back(random.upper());
      uppers.back().elsewhere = i % 4 == 3 || i + 1 == count();
      if (!uppers.back().elsewhere) at_home_.push_back(i);
    }
    uppers_.emplace(uppers, mode());
    for (std::size_t i = 0; i < 500 + 10 * count(); ++i) before_.frames.push_back(random.frame(count()));
    before_.arrivals = uppers_->receive(before_.frames);
  }

  // Native XDP on a veth does not see VLANs.
  static std::vector<Draw> draws() {
    const std::uint64_t base = 100 * count();
    const Draw seen = {base + 1, hook() == AttachMode::tc ? Bound::vlans : Bound::addresses};
    if (count() > 8) return {seen};
    return {seen, {base + 2, Bound::none}, {base + 3, Bound::addresses}};
  }

  void program(const Draw& draw) {
    Random random(draw.seed);
    for (const std::size_t upper : at_home_) {
      const bool filtered = upper == 0 || !random.one_in(4);
      const FilterSet filter = filtered ? random.filter(upper, draw.bound) : FilterSet{};
      if (filter.unfiltered() && !filters_.contains(upper)) continue;
      ASSERT_NO_FATAL_FAILURE(set(upper, filter));
      if (filter.unfiltered())
        filters_.erase(upper);
      else
        filters_[upper] = filter;
    }
  }

  std::optional<ManyUppers> uppers_;
  std::vector<std::size_t> at_home_;
  Baseline before_;
  Filters filters_;
};

std::string case_name(const testing::TestParamInfo<RandomCase>& row) {
  const auto& [count, mode, hook] = row.param;
  return std::to_string(count) + "_" + mode + "_" + (hook == AttachMode::tc ? "tc" : "native");
}

INSTANTIATE_TEST_SUITE_P(Modes, RandomModesTest,
                         testing::Combine(testing::Values<std::size_t>(2, 8, 64),
                                          testing::Values("private", "vepa", "bridge"),
                                          testing::Values(AttachMode::tc, AttachMode::native)),
                         case_name);

TEST_P(RandomModesTest, EachUpperReceivesItsSetAndNobodyElseNotices) {
  make_uppers();
  expect_plausible(before_, count());
  ASSERT_NO_FATAL_FAILURE(attach(hook()));
  expect_exact({}, before_, uppers_->receive(before_.frames));
  for (const Draw& draw : draws()) {
    SCOPED_TRACE("seed " + std::to_string(draw.seed));
    ASSERT_NO_FATAL_FAILURE(program(draw));
    const std::uint64_t dropped = early_drops();
    const Arrivals after = uppers_->receive(before_.frames);
    expect_exact(filters_, before_, after);
    const std::uint64_t now = early_drops() - dropped;
    if (draw.bound != Bound::none) {
      EXPECT_GT(now, 0U);
      EXPECT_GT(vanished_frames(before_, after), 0U);
    }
    std::cout << "  seed " << draw.seed << ": " << filters_.size() << " of " << count() << " filtered, " << now
              << " of " << before_.frames.size() << " frames dropped early\n";
  }
  const auto detached = mirror::detach(context_, "lower");
  ASSERT_TRUE(detached) << detached.error().text;
  expect_exact({}, before_, uppers_->receive(before_.frames));
}

// u0 with further addresses, u1 its sibling.
class SiblingsTest : public ModesTest, public testing::WithParamInterface<std::tuple<const char*, AttachMode>> {
 protected:
  static constexpr std::uint16_t kVid = 42;
  static bool in_bridge_mode() { return std::get<0>(GetParam()) == std::string("bridge"); }

  void make_uppers(std::size_t count = 2) {
    uppers_.emplace(std::vector<ManyUppers::Upper>(count), std::get<0>(GetParam()));
    wire_.emplace(ifindex_of("far"));
    host_.emplace(ifindex_of("lower"));
  }

  static FilterSet filter() {
    FilterSet set;
    set.addresses = AddressFilter{.flags = {.broadcast = true}, .unicast = {further(0, 1), further(0, 2)}};
    set.vlans = VlanSet::parse(std::to_string(kVid)).value();
    return set;
  }

  enum class Sender { sibling, host };
  enum class Place { nowhere, upper, wire, both };

  // Where one frame to there arrives.
  Place place_of(Sender sender, const MacAddress& destination, std::uint16_t vid = 0) {
    const Marker marker{.kind = 1, .sequence = sequence_++};
    Packet packet{.destination = destination, .source = ManyUppers::address(1), .payload = to_payload(marker)};
    if (vid != 0) packet.tags = {{.tci = vid}};
    const Bytes bytes = to_bytes(packet);
    if (sender == Sender::host)
      host_->send(bytes);
    else
      checked(static_cast<int>(write(uppers_->tap(1).fd(), bytes.data(), bytes.size())), "write to the sibling's tap");
    return look_for(marker);
  }

  Place look_for(const Marker& marker) {
    constexpr int kTries = 20;
    constexpr int kTryMs = 10;
    bool at_upper = false;
    bool on_wire = false;
    // Once it is anywhere it is not waited for long that it arrives elsewhere as well.
    for (int tries = 0; tries < kTries; tries += at_upper || on_wire ? kTries / 3 : 1) {
      while (const auto frame = uppers_->tap(0).read_frame(kTryMs)) at_upper |= find_marker(*frame) == marker;
      while (const auto heard = wire_->hear(kTryMs)) on_wire |= heard->marker == marker;
    }
    if (at_upper && on_wire) return Place::both;
    return at_upper ? Place::upper : on_wire ? Place::wire : Place::nowhere;
  }

  std::optional<ManyUppers> uppers_;
  std::optional<PacketListener> wire_;
  std::optional<FrameSender> host_;
  std::uint64_t sequence_ = 0;
};

std::string mode_and_hook(const testing::TestParamInfo<std::tuple<const char*, AttachMode>>& row) {
  const auto& [mode, hook] = row.param;
  return std::string(mode) + (hook == AttachMode::tc ? "_tc" : "_native");
}

INSTANTIATE_TEST_SUITE_P(Modes, SiblingsTest,
                         testing::Combine(testing::Values("private", "vepa", "bridge"),
                                          testing::Values(AttachMode::tc, AttachMode::native)),
                         mode_and_hook);

TEST_P(SiblingsTest, InBridgeModeFramesToFurtherAddressesStayOnTheHost) {
  make_uppers();
  for (const Sender sender : {Sender::sibling, Sender::host})
    EXPECT_EQ(place_of(sender, further(0, 1)), Place::wire) << "before it is attached";
  ASSERT_NO_FATAL_FAILURE(attach(std::get<1>(GetParam())));
  ASSERT_NO_FATAL_FAILURE(set(0, filter()));

  const Place local = in_bridge_mode() ? Place::upper : Place::wire;
  for (const Sender sender : {Sender::sibling, Sender::host}) {
    SCOPED_TRACE(sender == Sender::sibling ? "from the sibling" : "from the host");
    EXPECT_EQ(place_of(sender, further(0, 1)), local);
    EXPECT_EQ(place_of(sender, further(0, 2), kVid), local);
    EXPECT_EQ(place_of(sender, further(0, 1), 999), Place::wire) << "on a VLAN that it does not want";
    EXPECT_EQ(place_of(sender, further(0, 3)), Place::wire) << "to an address that it does not list";
  }
  // macvlan's own way, and the guard behind it.
  EXPECT_EQ(place_of(Sender::sibling, ManyUppers::address(0)), local);
  EXPECT_EQ(place_of(Sender::sibling, ManyUppers::address(0), 999), in_bridge_mode() ? Place::nowhere : Place::wire);

  const auto detached = mirror::detach(context_, "lower");
  ASSERT_TRUE(detached) << detached.error().text;
  for (const Sender sender : {Sender::sibling, Sender::host})
    EXPECT_EQ(place_of(sender, further(0, 1)), Place::wire) << "detached";
}

class MixedModesTest : public SiblingsTest {};

INSTANTIATE_TEST_SUITE_P(Modes, MixedModesTest,
                         testing::Combine(testing::Values("private", "vepa"),
                                          testing::Values(AttachMode::tc, AttachMode::native)),
                         mode_and_hook);

// Nothing is steered on its way out, since the sender's mode cannot be told there.
TEST_P(MixedModesTest, BesideOneInBridgeModeTheOthersStayApart) {
  make_uppers(3);
  must_run("ip link set u2 type macvtap mode bridge");
  ASSERT_NO_FATAL_FAILURE(attach(std::get<1>(GetParam())));
  ASSERT_NO_FATAL_FAILURE(set(0, filter()));
  FilterSet bridged;
  bridged.addresses = AddressFilter{.flags = {.broadcast = true}, .unicast = {further(2, 1)}};
  ASSERT_NO_FATAL_FAILURE(set(2, bridged));

  for (const Sender sender : {Sender::sibling, Sender::host})
    for (const MacAddress& further_one : {further(0, 1), further(2, 1)})
      EXPECT_EQ(place_of(sender, further_one), Place::wire) << to_string(further_one);
  EXPECT_EQ(place_of(Sender::sibling, ManyUppers::address(2)), Place::wire) << "macvlan's own way";
}

struct Refusal {
  const char* what;
  MacAddress address;
  std::string whose;
};

class InUseTest : public ModesTest, public testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(Modes, InUseTest, testing::Values("private", "vepa", "bridge"),
                         [](const auto& row) { return std::string(row.param); });

TEST_P(InUseTest, SetRefusesAnAddressThatSomebodyHas) {
  ManyUppers uppers({{}, {}, {.joined = {}, .elsewhere = true}}, GetParam());
  const LoaderCommand loader(bpffs_->path());
  loader.must("attach lower");
  loader.must("set u0 --unicast " + to_string(further(0, 0)));
  loader.must("set u1 --unicast " + to_string(further(1, 0)));
  const std::string before = host_state(bpffs_->path());
  const std::string filter = loader.must("get u1 -j");

  const std::vector<Refusal> refusals = {
      {"a sibling's further address", further(0, 0), "in the filter set of u0"},
      {"a sibling's own", ManyUppers::address(0), "u0's own address"},
      {"the lower device's own", ManyUppers::kLowerAddress, "lower's own address"},
      {"that of one in another namespace", ManyUppers::address(2), "lower"},
  };
  for (const Refusal& row : refusals) {
    const CommandResult result = loader.run("set u1 --unicast +" + to_string(row.address));
    EXPECT_EQ(result.status, 1) << row.what;
    EXPECT_NE(result.err.find(to_string(row.address) + " is in use"), std::string::npos) << row.what << result.err;
    EXPECT_NE(result.err.find(row.whose), std::string::npos) << row.what << result.err;
    EXPECT_EQ(loader.must("get u1 -j"), filter) << row.what;
    EXPECT_EQ(host_state(bpffs_->path()), before) << row.what;
    loader.must("set u1 --unicast " + to_string(further(1, 0)));
  }
  // Its own is nobody else's, and what is given up is free again.
  loader.must("set u1 --unicast +" + to_string(ManyUppers::address(1)));
  loader.must("set u0 --unicast none");
  loader.must("set u1 --unicast +" + to_string(further(0, 0)));
}

}  // namespace
}  // namespace rxf::test
