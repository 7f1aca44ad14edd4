// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <iostream>

#include "tests/model/property.h"
#include "tests/support/requirements.h"

namespace rxf::test {
namespace {

constexpr std::uint64_t kSeed = 20111;
constexpr std::uint32_t kSnapshots = 10'000;
constexpr std::uint32_t kFramesEach = 60;

void print(const Shares& shares) {
  const auto percent = [&](std::uint64_t n) {
    return 100.0 * static_cast<double>(n) / static_cast<double>(shares.pairs);
  };
  std::cout << shares.snapshots << " snapshots, " << shares.frames << " frames, " << shares.pairs
            << " (filter set, frame) pairs\n";
  for (std::size_t reason = 0; reason < shares.reasons.size(); ++reason)
    std::cout << "  " << to_string(static_cast<Verdict>(reason)) << " " << percent(shares.reasons[reason]) << " %\n";
  std::cout << "  cross pairs " << percent(shares.cross_pairs) << " %, tag in metadata " << percent(shares.in_metadata)
            << " %; early drop at tc: "
            << 100.0 * static_cast<double>(shares.early_drops) / static_cast<double>(shares.frames) << " % of frames\n";
}

TEST(Verdict, GuardIsTheReferenceAndEarlyDropIsSound) {
  if (const std::string why = why_no_bpf_tests(); !why.empty()) GTEST_SKIP() << why;
  Datapath datapath;
  Shares shares;
  const auto wrong = search(datapath, kSeed, kSnapshots, kFramesEach, shares);
  print(shares);
  ASSERT_FALSE(wrong) << to_string(*wrong);
  EXPECT_GE(shares.snapshots, 10'000U);
  EXPECT_GE(shares.pairs, 1'000'000U);
  for (const std::uint64_t reason : shares.reasons) EXPECT_GE(reason * 50, shares.pairs) << "a reason under 2 %";
  EXPECT_GE(shares.cross_pairs * 50, shares.pairs);
  EXPECT_GE(shares.in_metadata * 5, shares.pairs);
  EXPECT_GE(shares.early_drops * 20, shares.frames) << "the early drop hardly drops anything";
}

}  // namespace
}  // namespace rxf::test
