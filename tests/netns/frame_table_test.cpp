// SPDX-License-Identifier: GPL-2.0-only
// The demo's table as assertions: every kind of frame, in every mode of attaching, against the reference verdict.
#include "tests/support/frame_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>
#include <list>
#include <map>
#include <set>

#include "tests/support/command.h"
#include "tests/support/frame_sender.h"
#include "tests/support/metadata_tagger.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

using mirror::AttachMode;
using mirror::EarlyHook;

constexpr unsigned kFrames = 20;
constexpr unsigned kFewFrames = 4;
constexpr unsigned kJumboMtu = 9000;
constexpr std::size_t kJumboLength = 8900;

TEST(FrameTable, HandWrittenAnswersAreTheReferences) {
  for (const FrameRow& row : table_rows()) {
    EXPECT_EQ(fate_of(row, {}, true).place == Place::tap, row.arrives_today) << to_string(row);
    for (const bool sees : {false, true})
      EXPECT_EQ(fate_of(row, table_filter(), sees).place == Place::tap, row.arrives) << to_string(row);
  }
}

TEST(FrameTable, EveryRowIsAnother) {
  std::set<std::string> texts;
  for (const FrameRow& row : table_rows()) EXPECT_TRUE(texts.insert(to_string(row)).second) << to_string(row);
}

std::set<std::string> fates(bool early_sees_vlans) {
  std::set<std::string> all;
  for (const FrameRow& row : table_rows()) all.insert(to_string(fate_of(row, table_filter(), early_sees_vlans)));
  return all;
}

TEST(FrameTable, FramesEndEverywhere) {
  EXPECT_EQ(fates(true), (std::set<std::string>{"-", "early drop: vlan", "early drop: unicast", "early drop: multicast",
                                                "guard: vlan", "macvlan: not joined"}));
  EXPECT_EQ(fates(false), (std::set<std::string>{"-", "early drop: unicast", "early drop: multicast", "guard: vlan",
                                                 "macvlan: not joined"}));
}

// A namespace with kTableUpper on kTableNic; what differs is how frames get in.
class TableTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
    bpffs_.emplace();
    context_.bpffs = bpffs_->path();
  }

  static void run_all(const std::vector<std::string>& commands) {
    for (const std::string& command : commands) must_run(command);
  }

  void make_veth(unsigned mtu = 1500) {
    run_ = make_devices(namespaces_, [&] {
      run_all(veth_commands(mtu));
      const std::uint32_t wire = if_nametoindex(kTableWire);
      tagger_.emplace(wire);
      sender_.emplace(wire);
      return through_tap([this](auto frame, auto metadata) { sender_->send(frame, metadata); });
    });
  }

  TableRun through_tap(decltype(TableRun::send) send) {
    tap_.emplace(kTableUpper);
    return {.frames = kFrames, .send = std::move(send), .tap = &*tap_};
  }

  void attach(AttachMode mode, EarlyHook hook) {
    const auto result = mirror::attach(context_, kTableNic, {.mode = mode});
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->status.early, hook);
    EXPECT_EQ(result->status.problems, std::vector<std::string>{});
    run_.count = [this] { return read_counters(context_); };
  }

  void set(const FilterSet& filter) {
    const auto result = mirror::set(context_, kTableUpper, {.whole = filter});
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->filter, filter);
    run_.filter = filter;
  }

  void clear() {
    const auto result = mirror::clear(context_, kTableUpper);
    ASSERT_TRUE(result) << result.error().text;
    run_.filter = {};
  }

  void detach() {
    const auto result = mirror::detach(context_, kTableNic);
    ASSERT_TRUE(result) << result.error().text;
    run_.count = nullptr;
    run_.filter = {};
  }

  void expect_as_reference(const std::string& when, std::span<const FrameRow> rows = table_rows()) {
    const std::vector<RowResult> results = run_table(rows, run_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(results[i].sent, run_.frames);
      EXPECT_EQ(complaint(rows[i], run_, results[i]), "") << when;
    }
  }

  std::optional<ScratchBpffs> bpffs_;
  mirror::Context context_;
  NamespaceStack namespaces_;
  std::optional<MetadataTagger> tagger_;
  std::optional<FrameSender> sender_;
  std::optional<TapReader> tap_;
  TableRun run_;
};

struct ModeRow {
  const char* name;
  AttachMode mode;
  EarlyHook hook;
};

std::ostream& operator<<(std::ostream& stream, const ModeRow& row) { return stream << row.name; }

class TableModeTest : public TableTest, public testing::WithParamInterface<ModeRow> {
 protected:
  void attach_in_mode() {
    attach(GetParam().mode, GetParam().hook);
    // A veth hands XDP its peer's skb, whose tag may be in metadata.
    run_.early_sees_vlans = GetParam().hook == EarlyHook::tc;
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, TableModeTest,
                         testing::Values(ModeRow{"Auto", AttachMode::auto_, EarlyHook::tc},
                                         ModeRow{"Native", AttachMode::native, EarlyHook::xdp_native},
                                         ModeRow{"Generic", AttachMode::generic, EarlyHook::xdp_generic},
                                         ModeRow{"Tc", AttachMode::tc, EarlyHook::tc}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(TableModeTest, EveryKindOfFrameFaresAsTheReferenceSays) {
  make_veth();
  expect_as_reference("before it is attached");
  ASSERT_NO_FATAL_FAILURE(attach_in_mode());
  expect_as_reference("attached, unfiltered");
  ASSERT_NO_FATAL_FAILURE(set(table_filter()));
  expect_as_reference("filtered");
  ASSERT_NO_FATAL_FAILURE(clear());
  expect_as_reference("cleared");
  ASSERT_NO_FATAL_FAILURE(set(table_filter()));
  expect_as_reference("filtered again");
  ASSERT_NO_FATAL_FAILURE(detach());
  expect_as_reference("detached");
}

std::map<std::string, FilterSet> other_filters() {
  std::map<std::string, FilterSet> filters;
  for (const char* name : {"no broadcast", "all multicast", "promiscuous", "any VLAN", "no VLAN"})
    filters[name] = table_filter();
  filters["no broadcast"].addresses->flags.broadcast = false;
  filters["all multicast"].addresses->flags.allmulti = true;
  filters["promiscuous"].addresses->flags.promisc = true;
  filters["any VLAN"].vlans.reset();
  filters["no VLAN"].vlans = VlanSet{};
  filters["any address"].vlans = table_filter().vlans;
  filters["own address alone"].addresses.emplace();
  return filters;
}

TEST_P(TableModeTest, EveryFilterSetIsFollowed) {
  make_veth();
  run_.frames = kFewFrames;
  ASSERT_NO_FATAL_FAILURE(attach_in_mode());
  for (const auto& [name, filter] : other_filters()) {
    ASSERT_NO_FATAL_FAILURE(set(filter)) << name;
    expect_as_reference(name);
  }
}

TEST_P(TableModeTest, JumboFramesArriveWhole) {
  make_veth(kJumboMtu);
  run_.frames = kFewFrames;
  run_.length = kJumboLength;
  ASSERT_NO_FATAL_FAILURE(attach_in_mode());
  ASSERT_NO_FATAL_FAILURE(set(table_filter()));
  expect_as_reference("filtered");
}

// A tap device as the NIC: what is written to its fd is received by it. It is there as long as the fd.
class TapNic {
 public:
  explicit TapNic(const char* name)
      : fd_(checked_fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "open /dev/net/tun")) {
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    checked(ioctl(fd_.get(), TUNSETIFF, &request), "TUNSETIFF");
  }

  void receive(std::span<const std::uint8_t> frame) const {
    checked(static_cast<int>(write(fd_.get(), frame.data(), frame.size())), "write to the tap device");
  }

 private:
  Fd fd_;
};

std::vector<FrameRow> rows_without_metadata() {
  std::vector<FrameRow> rows = table_rows();
  std::erase_if(rows, [](const FrameRow& row) { return row.metadata.has_value(); });
  return rows;
}

// No driver strips the tag there, so XDP judges VLANs too.
TEST_F(TableTest, NativeXdpOnATapDeviceJudgesVlans) {
  if (access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/net/tun here";
  std::list<TapNic> nics;
  run_ = make_devices(namespaces_, [&] {
    const TapNic& nic = nics.emplace_back(kTableNic);
    const std::string name = kTableNic;
    run_all({"ip link set " + name + " addrgenmode none", "ip link set " + name + " up"});
    run_all(upper_commands());
    return through_tap([&nic](auto frame, auto) { nic.receive(frame); });
  });
  const std::vector<FrameRow> rows = rows_without_metadata();

  expect_as_reference("before it is attached", rows);
  ASSERT_NO_FATAL_FAILURE(attach(AttachMode::native, EarlyHook::xdp_native));
  ASSERT_NO_FATAL_FAILURE(set(table_filter()));
  run_.early_sees_vlans = true;
  expect_as_reference("filtered", rows);
  EXPECT_GT(run_.count().early.at(static_cast<std::size_t>(Verdict::vlan)), 0u);
}

}  // namespace
}  // namespace rxf::test
