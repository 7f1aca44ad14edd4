// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/snapshot.h"

#include <gtest/gtest.h>

namespace rxf {
namespace {

TEST(UpperMode, HasTheNamesOfIproute2) {
  EXPECT_EQ(to_string(UpperMode::private_), "private");
  EXPECT_EQ(to_string(UpperMode::vepa), "vepa");
  EXPECT_EQ(to_string(UpperMode::bridge), "bridge");
  EXPECT_EQ(to_string(UpperMode::passthru), "passthru");
  EXPECT_EQ(to_string(UpperMode::source), "source");
}

}  // namespace
}  // namespace rxf
