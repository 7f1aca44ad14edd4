// SPDX-License-Identifier: GPL-2.0-only
// The example clients of docs/netlink-api.md, with a real daemon.
#include <gtest/gtest.h>

#include <algorithm>

#include "loader/mirror/operations.h"
#include "loader/netlink/rx_filter_codec.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/golden.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

GoldenRow::Buffer example_bytes() {
  const auto row = std::ranges::find(golden_rows(), "example", &GoldenRow::name);
  return row->after.value();
}

std::string hex_line(const GoldenRow::Buffer& bytes) {
  std::string line;
  for (const std::uint8_t byte : bytes) line += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  return line + "\n";
}

class Examples : public DaemonFixture {
 protected:
  void SetUp() override {
    DaemonFixture::SetUp();
    if (IsSkipped()) return;
    start();
    make_lower("lower");
    make_upper("lower", "upper", {{0x02, 0xaa, 0, 0, 0, 1}}, "passthru");
    const auto attached = loader("attach lower");
    ASSERT_EQ(attached.status, 0) << attached.err;
  }

  // With the example as a command.
  void expect_set_and_read_back(const std::string& example) {
    const auto ran = run(example + " '" + api() + "' upper");
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_EQ(ran.out, hex_line(example_bytes()));
    EXPECT_EQ(must(mirror::get({.bpffs = bpffs_->path()}, "upper")), must(netlink::decode(example_bytes())));
    expect_followed("lower", example);

    const auto refused = run(example + " '" + api() + "' nobody");
    EXPECT_EQ(refused.status, 1);
    EXPECT_EQ(refused.err, "refused: No such device\n");
  }
};

TEST_F(Examples, InC) {
  const std::string program = directory_->path() + "/rx_filter";
  must_run("cc -Wall -Wextra -Werror -o " + program + " " RXF_EXAMPLES "/rx_filter.c -lmnl");
  expect_set_and_read_back(program);
}

TEST_F(Examples, InPython) {
  if (run("command -v python3").status != 0) GTEST_SKIP() << "no python3";
  expect_set_and_read_back("python3 " RXF_EXAMPLES "/rx_filter.py");
}

}  // namespace
}  // namespace rxf::test
