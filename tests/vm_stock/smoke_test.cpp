// SPDX-License-Identifier: GPL-2.0-only
// The way from attach to detach, on every kernel that this ring boots.
#include <gtest/gtest.h>

#include "tests/support/loader_command.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"

namespace rxf::test {
namespace {

class SmokeTest : public testing::TestWithParam<const char*> {};

TEST_P(SmokeTest, AttachSetDetach) {
  const Topology topology(Uppers::passthru);
  const ScratchBpffs bpffs;
  const LoaderCommand loader(bpffs.path());
  FrameSender sender(ifindex_of("far"));
  TapReader tap("upper");
  const std::string state_before = lasting_state(bpffs.path());
  const Arrivals before = arrivals(sender, tap, upper_probes());
  EXPECT_NE(before, wanted_arrivals());

  loader.must(std::string("attach lower --mode ") + GetParam());
  loader.must(kSetUpper);
  EXPECT_EQ(arrivals(sender, tap, upper_probes()), wanted_arrivals());

  loader.must("detach lower");
  EXPECT_EQ(arrivals(sender, tap, upper_probes()), before);
  EXPECT_EQ(lasting_state(bpffs.path()), state_before);
}

INSTANTIATE_TEST_SUITE_P(Modes, SmokeTest, testing::Values("auto", "tc", "native", "generic"),
                         [](const auto& mode) { return std::string(mode.param); });

}  // namespace
}  // namespace rxf::test
