// SPDX-License-Identifier: GPL-2.0-only
// The series' own test (tools/testing/selftests/net/rx_filter.c), which says what it did as TAP.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <regex>
#include <string>
#include <vector>

namespace rxf::test {
namespace {

constexpr const char* kSelftest = "/usr/bin/rx_filter";

struct Report {
  int status = 0;
  std::vector<std::string> lines;

  [[nodiscard]] std::vector<std::smatch> matching(const std::regex& pattern) const {
    std::vector<std::smatch> found;
    std::smatch match;
    for (const std::string& line : lines)
      if (std::regex_search(line, match, pattern)) found.push_back(match);
    return found;
  }
};

// Its lines are on our output as they come.
Report run_selftest() {
  FILE* const stream = popen((std::string(kSelftest) + " 2>&1").c_str(), "r");
  if (!stream) return {.status = 127, .lines = {}};
  Report report;
  std::array<char, 4096> line;
  while (fgets(line.data(), line.size(), stream)) {
    std::cout << line.data() << std::flush;
    report.lines.emplace_back(line.data());
  }
  const int status = pclose(stream);
  report.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return report;
}

TEST(Selftest, PassesAndSkipsNothing) {
  const Report report = run_selftest();
  EXPECT_EQ(report.status, 0);
  for (const auto& failed : report.matching(std::regex("^ *not ok .*"))) ADD_FAILURE() << failed.str();
  for (const auto& skipped : report.matching(std::regex("# SKIP.*"))) ADD_FAILURE() << skipped.str();

  const auto plan = report.matching(std::regex("^1\\.\\.([0-9]+)"));
  const auto totals = report.matching(
      std::regex("^# Totals: pass:([0-9]+) fail:([0-9]+) xfail:([0-9]+) xpass:([0-9]+) skip:([0-9]+) error:([0-9]+)"));
  ASSERT_EQ(plan.size(), 1U);
  ASSERT_EQ(totals.size(), 1U);
  EXPECT_NE(plan[0].str(1), "0");
  EXPECT_EQ(totals[0].str(1), plan[0].str(1)) << totals[0].str();
  for (std::size_t other = 2; other <= 6; ++other) EXPECT_EQ(totals[0].str(other), "0") << totals[0].str();
}

}  // namespace
}  // namespace rxf::test
