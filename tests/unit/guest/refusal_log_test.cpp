// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/refusal_log.h"

#include <gtest/gtest.h>

namespace rxf::guest {
namespace {

using Lines = std::vector<std::string>;
using Counts = std::map<RefusalKind, std::uint64_t>;

Refusal unicast(const std::string& what, const std::string& why = "not in the list of the policy") {
  return {RefusalKind::unicast, what, why};
}

class RefusalLogTest : public testing::Test {
 protected:
  Lines note(const std::vector<Refusal>& refusals) { return log_.note(refusals, counts_); }

  RefusalLog log_;
  Counts counts_;
};

TEST_F(RefusalLogTest, SaysWhatAndWhy) {
  EXPECT_EQ(note({unicast("02:00:00:00:00:01", "eth2 has it")}),
            Lines{"unicast 02:00:00:00:00:01 refused: eth2 has it"});
}

TEST_F(RefusalLogTest, StandingRefusalIsSaidAndCountedOnce) {
  EXPECT_EQ(note({unicast("a")}).size(), 1U);
  EXPECT_EQ(note({unicast("a")}), Lines{});
  EXPECT_EQ(note({unicast("a", "another reason")}), Lines{});
  EXPECT_EQ(counts_, (Counts{{RefusalKind::unicast, 1}}));
}

TEST_F(RefusalLogTest, AskedForAnewIsCountedAndNotSaidAgain) {
  note({unicast("a")});
  note({});
  EXPECT_EQ(note({unicast("a")}), Lines{});
  EXPECT_EQ(counts_, (Counts{{RefusalKind::unicast, 2}}));
}

TEST_F(RefusalLogTest, KindsAreCountedApart) {
  EXPECT_EQ(
      note({unicast("a"), {RefusalKind::main_mac, "a", "x"}, {RefusalKind::vlan, "VLAN 5", "x"}, unicast("b")}).size(),
      4U);
  EXPECT_EQ(counts_, (Counts{{RefusalKind::main_mac, 1}, {RefusalKind::unicast, 2}, {RefusalKind::vlan, 1}}));
}

TEST_F(RefusalLogTest, TheSameTwiceInOneJudgementIsOne) {
  EXPECT_EQ(note({unicast("a", "x"), unicast("a", "y")}).size(), 1U);
  EXPECT_EQ(counts_, (Counts{{RefusalKind::unicast, 1}}));
}

TEST_F(RefusalLogTest, AGuestThatThinksOfMoreAndMoreIsCountedOnly) {
  Lines lines;
  const auto note_many = [&](int first, int end) {
    for (int i = first; i < end; ++i)
      for (const std::string& line : note({unicast(std::to_string(i))})) lines.push_back(line);
  };
  note_many(0, RefusalLog::kMost);
  EXPECT_EQ(lines.size(), RefusalLog::kMost);
  lines.clear();
  note_many(RefusalLog::kMost, 10'000);
  EXPECT_EQ(lines, Lines{"further refusals are counted only: see rxfilter-guest status"});
  EXPECT_EQ(counts_, (Counts{{RefusalKind::unicast, 10'000}}));
}

TEST_F(RefusalLogTest, OneJudgementOfTooManyEndsWithThatLine) {
  std::vector<Refusal> refusals;
  for (int i = 0; i < 1000; ++i) refusals.push_back(unicast(std::to_string(i)));
  const Lines lines = note(refusals);
  EXPECT_EQ(lines.size(), RefusalLog::kMost + 1);
  EXPECT_TRUE(lines.back().starts_with("further refusals")) << lines.back();
}

TEST_F(RefusalLogTest, ForgetsWhenMadeAnew) {
  note({unicast("a")});
  log_ = {};
  EXPECT_EQ(note({unicast("a")}).size(), 1U);
}

}  // namespace
}  // namespace rxf::guest
