// SPDX-License-Identifier: GPL-2.0-only
// NICs whose drivers run XDP themselves: a tap with several queues, and virtio-net.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/command.h"
#include "tests/support/loader_command.h"
#include "tests/support/queue_tap.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"
#include "tests/vm_stock/machine_nics.h"

namespace rxf::test {
namespace {

std::uint64_t early_drops(const LoaderCommand& loader) {
  const auto status = nlohmann::json::parse(loader.must("status lower -j"));
  std::uint64_t packets = 0;
  for (const auto& [reason, count] : status.at("counters").at("early").at("dropped").items())
    packets += count.at("packets").get<std::uint64_t>();
  return packets;
}

TEST(QueuesTest, EveryQueueIsFilteredInNativeXdp) {
  constexpr unsigned kQueues = 2;
  const ScratchNamespace scratch;
  silence_ipv6();
  QueueTap nic("lower", kQueues);
  must_run(std::string("ip link set lower address ") + kLowerAddress);
  add_upper();
  const ScratchBpffs bpffs;
  const LoaderCommand loader(bpffs.path());
  TapReader tap("upper");
  const std::string said = loader.must("attach lower --mode native");
  EXPECT_NE(said.find("early drop: xdp native"), std::string::npos) << said;
  loader.must(kSetUpper);

  for (unsigned queue = 0; queue < kQueues; ++queue) {
    const std::uint64_t before = early_drops(loader);
    for (std::size_t number = 0; number < upper_probes().size(); ++number)
      for (unsigned i = 0; i < kProbeFrames; ++i) nic.send(queue, probe_frame(upper_probes()[number], number, i));
    EXPECT_EQ(count_arrivals(tap, upper_probes()), wanted_arrivals()) << "queue " << queue;
    EXPECT_EQ(early_drops(loader) - before, kProbeFrames * unwanted_probes().size()) << "queue " << queue;
  }
}

// Native XDP in virtio-net, which wants queues of its own for it where it can have them.
class VirtioTest : public testing::TestWithParam<const char*> {
 protected:
  VirtioTest() {
    silence_ipv6();
    take_machine_nics();
    add_upper();
  }

  ScratchNamespace scratch_;
  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
};

TEST_P(VirtioTest, IsFiltered) {
  FrameSender sender(ifindex_of("far"));
  TapReader tap("upper");
  const Arrivals before = arrivals(sender, tap, upper_probes());
  EXPECT_NE(before, wanted_arrivals());
  const std::string said = loader_.must(std::string("attach lower --mode ") + GetParam());
  EXPECT_EQ(said.contains("early drop: xdp native"), GetParam() == std::string("native")) << said;
  loader_.must(kSetUpper);
  const std::uint64_t dropped = early_drops(loader_);
  EXPECT_EQ(arrivals(sender, tap, upper_probes()), wanted_arrivals()) << said;
  EXPECT_GT(early_drops(loader_), dropped) << said;
  loader_.must("detach lower");
  EXPECT_EQ(arrivals(sender, tap, upper_probes()), before);
}

INSTANTIATE_TEST_SUITE_P(Modes, VirtioTest, testing::Values("tc", "native"),
                         [](const auto& mode) { return std::string(mode.param); });

}  // namespace
}  // namespace rxf::test
