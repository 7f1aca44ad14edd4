// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "tests/model/property.h"
#include "tests/support/requirements.h"

namespace rxf::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> mutants() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(RXF_MUTANTS))
    if (entry.path().extension() == ".o") names.push_back(entry.path().stem().stem());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::byte> read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

class Mutant : public testing::TestWithParam<std::string> {};

TEST_P(Mutant, IsCaught) {
  if (const std::string why = why_no_bpf_tests(); !why.empty()) GTEST_SKIP() << why;
  const auto elf = read(fs::path(RXF_MUTANTS) / (GetParam() + ".bpf.o"));
  Datapath datapath(elf);
  Shares shares;
  const auto caught = search(datapath, 1, 500, 60, shares);
  ASSERT_TRUE(caught) << "not caught in " << shares.pairs << " pairs";
  std::cout << "caught after " << shares.frames << " frames: " << to_string(*caught);
}

INSTANTIATE_TEST_SUITE_P(Planted, Mutant, testing::ValuesIn(mutants()),
                         [](const auto& mutant) { return mutant.param; });

TEST(Mutants, AreADozenAtLeast) { EXPECT_GE(mutants().size(), 12U); }

}  // namespace
}  // namespace rxf::test
