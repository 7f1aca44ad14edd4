// SPDX-License-Identifier: GPL-2.0-only
// The way from attach to detach, on every kernel that this ring boots.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "loader/mirror/drops.h"
#include "tests/support/command.h"
#include "tests/support/loader_command.h"
#include "tests/support/must.h"
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

// The kernel's verifier has a say in how a frame is captured.
TEST_P(SmokeTest, DropsAreTold) {
  const Topology topology(Uppers::passthru);
  const ScratchBpffs bpffs;
  const LoaderCommand loader(bpffs.path());
  loader.must(std::string("attach lower --mode ") + GetParam());
  loader.must(kSetUpper);
  std::vector<mirror::DroppedFrame> told;
  auto listener = must(mirror::DropListener::open({.bpffs = bpffs.path()}, "lower", mirror::kUsualDropRate,
                                                  [&](const mirror::DroppedFrame& frame) { told.push_back(frame); }));
  FrameSender sender(ifindex_of("far"));
  for (const bool at_guard : {false, true}) {
    if (at_guard) must_run("ip link set lower promisc on");
    for (const std::size_t size : {60U, 1000U}) {
      const Bytes sent = to_bytes({.destination = kStranger, .payload = Bytes(size - 14, 0x5a)});
      told.clear();
      sender.send(sent);
      for (int i = 0; i < 200 && told.empty(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        must(listener.take());
      }
      ASSERT_EQ(told.size(), 1U);
      EXPECT_EQ(told[0].reason, Verdict::unicast);
      EXPECT_EQ(told[0].upper.has_value(), at_guard);
      EXPECT_EQ(told[0].length, size);
      EXPECT_EQ(told[0].bytes, Bytes(sent.begin(), sent.begin() + std::min<std::ptrdiff_t>(std::ssize(sent), 128)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, SmokeTest, testing::Values("auto", "tc", "native", "generic"),
                         [](const auto& mode) { return std::string(mode.param); });

}  // namespace
}  // namespace rxf::test
