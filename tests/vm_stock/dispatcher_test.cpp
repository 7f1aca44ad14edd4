// SPDX-License-Identifier: GPL-2.0-only
// Beside somebody else's program in libxdp's dispatcher.
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <optional>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/dispatched_xdp.h"
#include "tests/support/loader_command.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"

namespace rxf::test {
namespace {

struct Beside {
  const char* name;
  unsigned priority;  // theirs
  bool theirs_first;  // attached before ours
  bool theirs_goes_first;
};

constexpr unsigned kBeforeOurs = 5;
constexpr unsigned kAfterOurs = 60;

// Every pair of the three choices.
constexpr Beside kOrders[] = {
    {"RunsBeforeComesFirstGoesFirst", kBeforeOurs, true, true},
    {"RunsBeforeComesLastGoesLast", kBeforeOurs, false, false},
    {"RunsAfterComesFirstGoesLast", kAfterOurs, true, false},
    {"RunsAfterComesLastGoesFirst", kAfterOurs, false, true},
};

void PrintTo(const Beside& beside, std::ostream* out) { *out << beside.name; }

class DispatcherTest : public testing::TestWithParam<Beside> {
 protected:
  void attach() {
    loader_.must("attach lower --mode native");
    loader_.must(kSetUpper);
  }

  std::uint64_t seen_by(const DispatchedXdp& theirs, Arrivals& arrived) {
    const std::uint64_t before = theirs.frames();
    arrived = arrivals(sender_, tap_, upper_probes());
    return theirs.frames() - before;
  }

  // A veth hands tags over in a way that XDP is not trusted with, so VLANs are left to the guard.
  static std::uint64_t admitted_by_xdp() { return kProbeFrames * (upper_probes().size() - 2); }
  static std::uint64_t all() { return kProbeFrames * upper_probes().size(); }

  Topology topology_{Uppers::passthru};
  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
  FrameSender sender_{ifindex_of("far")};
  TapReader tap_{"upper"};
};

TEST_P(DispatcherTest, BothKeepWorking) {
  const Arrivals unfiltered = arrivals(sender_, tap_, upper_probes());
  std::optional<DispatchedXdp> theirs;
  if (GetParam().theirs_first) theirs.emplace(ifindex_of("lower"), GetParam().priority);
  attach();
  if (!GetParam().theirs_first) theirs.emplace(ifindex_of("lower"), GetParam().priority);

  Arrivals arrived;
  EXPECT_EQ(seen_by(*theirs, arrived), GetParam().priority == kBeforeOurs ? all() : admitted_by_xdp());
  EXPECT_EQ(arrived, wanted_arrivals());
  const std::string status = loader_.must("status lower -j");
  EXPECT_NE(status.find(R"("dispatcher":true)"), std::string::npos) << status;
  EXPECT_NE(status.find(R"("early_drop":"xdp-native")"), std::string::npos) << status;

  if (GetParam().theirs_goes_first) {
    theirs->detach();
    EXPECT_EQ(arrivals(sender_, tap_, upper_probes()), wanted_arrivals());
    EXPECT_EQ(loader_.must("status lower -j").find(R"("early_drop":"none")"), std::string::npos);
    loader_.must("detach lower");
  } else {
    loader_.must("detach lower");
    EXPECT_EQ(seen_by(*theirs, arrived), all());
    EXPECT_EQ(arrived, unfiltered);
    theirs->detach();
  }
  EXPECT_EQ(must_run("ip link show lower").find("prog/xdp"), std::string::npos);
  EXPECT_EQ(arrivals(sender_, tap_, upper_probes()), unfiltered);
}

// Libxdp 1.3.1 forgets to close some of what it opens.
TEST_P(DispatcherTest, ALookCostsNoDescriptor) {
  attach();
  const DispatchedXdp theirs(ifindex_of("lower"), GetParam().priority);
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto look = [&] {
    EXPECT_TRUE(mirror::status({.bpffs = bpffs_.path()}, "lower"));
    EXPECT_TRUE(mirror::follow({.bpffs = bpffs_.path()}, {.name = "lower"}, false));
  };
  look();
  const auto before = open_files();
  for (int i = 0; i < 20; ++i) look();
  EXPECT_EQ(open_files(), before) << must_run("ls -l /proc/" + std::to_string(getpid()) + "/fd");
}

INSTANTIATE_TEST_SUITE_P(Orders, DispatcherTest, testing::ValuesIn(kOrders),
                         [](const auto& order) { return std::string(order.param.name); });

}  // namespace
}  // namespace rxf::test
