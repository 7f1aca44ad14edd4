// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/loader_command.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/topology.h"

namespace rxf::test {

// The command line on a bpffs of its own, beside devices that the test makes. Skips where that cannot be had; what
// derives from it looks at IsSkipped() before it goes on.
class LoaderFixture : public testing::Test {
 protected:
  void SetUp() override;

  std::optional<Topology> topology_;  // empty at first
  std::optional<ScratchBpffs> bpffs_;
  std::optional<LoaderCommand> loader_;
};

}  // namespace rxf::test
