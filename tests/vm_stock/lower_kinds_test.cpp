// SPDX-License-Identifier: GPL-2.0-only
// Lower devices made of others: VLAN device, bridge, team, bond.
#include <gtest/gtest.h>

#include "tests/support/command.h"
#include "tests/support/loader_command.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"

namespace rxf::test {
namespace {

// From a veth pair far ==== port.
struct Kind {
  const char* name;  // as ip(8) calls it
  const char* commands;
  const char* sender;
};

constexpr Kind kKinds[] = {
    {"vlan", "ip link add link port name lower type vlan id 9 && ip link add link far name far.9 type vlan id 9",
     "far.9"},
    {"bridge",
     "ip link add lower type bridge mcast_snooping 0 && ip link set port master lower &&"
     "ip link set port type bridge_slave learning off",
     "far"},
    {"team", "ip link add lower type team && ip link set port down && ip link set port master lower", "far"},
    {"bond",
     "ip link add lower type bond mode active-backup miimon 100 && ip link set port down && ip link set port master "
     "lower",
     "far"},
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class LowerKindsTest : public testing::TestWithParam<Kind> {
 protected:
  LowerKindsTest() {
    silence_ipv6();
    must_run("ip link add port type veth peer name far && ip link set port up && ip link set far up");
    must_run(GetParam().commands);
    must_run(std::string("ip link set lower address ") + kLowerAddress +
             " && ip link set port up && ip link set lower up && ip link set " + GetParam().sender + " up");
    add_upper();
    wait_until_up({"far", GetParam().sender});
  }

  [[nodiscard]] std::string state() const { return lasting_state(bpffs_.path()); }

  ScratchNamespace namespace_;
  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
};

TEST_P(LowerKindsTest, IsFilteredAtTcAndRefusesXdpInOneLine) {
  FrameSender sender(ifindex_of(GetParam().sender));
  TapReader tap("upper");
  const std::string state_before = state();
  const Arrivals before = arrivals(sender, tap, upper_probes());
  EXPECT_NE(before, wanted_arrivals());

  for (const char* mode : {"native", "generic"}) {
    const CommandResult result = loader_.run(std::string("attach lower --mode ") + mode);
    EXPECT_NE(result.status, 0);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
    for (const char* part : {"lower", GetParam().name, "--mode tc"})
      EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  }
  EXPECT_EQ(loader_.must("status"), "no device is attached\n");

  const std::string said = loader_.must("attach lower");
  EXPECT_NE(said.find("early drop: tc"), std::string::npos) << said;
  loader_.must(kSetUpper);
  EXPECT_EQ(arrivals(sender, tap, upper_probes()), wanted_arrivals());
  // The guards alone would do the above.
  const std::string status = loader_.must("status lower");
  EXPECT_EQ(status.find("early drop: dropped nothing"), std::string::npos) << status;

  loader_.must("detach lower");
  EXPECT_EQ(arrivals(sender, tap, upper_probes()), before);
  EXPECT_EQ(state(), state_before);
}

INSTANTIATE_TEST_SUITE_P(Kinds, LowerKindsTest, testing::ValuesIn(kKinds),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace rxf::test
