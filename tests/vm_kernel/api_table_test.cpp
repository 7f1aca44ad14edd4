// SPDX-License-Identifier: GPL-2.0-only
// The netlink API by raw bytes, against the kernel: the same table that the daemon's socket goes through.
#include "tests/support/api_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "loader/datapath/kernel_types.h"
#include "tests/support/command.h"
#include "tests/support/scratch_namespace.h"

namespace rxf::test {
namespace {

const ApiUnderTest& kernel_api() {
  static const ApiUnderTest api{.open = route_channel, .attribute = datapath::rx_filter_attribute().value()};
  return api;
}

// As the table wants it, with either kind of upper.
class Links {
 public:
  explicit Links(const std::string& kind) {
    must_run(
        "ip link add lower type veth peer name far && ip link set far up && ip link set lower up &&"
        "ip link add link lower name upper type " +
        kind + " mode passthru && ip link set upper up && ip link property add dev upper altname " + kAlternativeName);
  }

 private:
  ScratchNamespace namespace_;
};

// Links take longer to make than a row to check.
template <class Row>
class OnLinks : public testing::TestWithParam<Row> {
 protected:
  static void on_links_of(const std::string& kind) { links() = std::make_unique<Links>(kind); }
  static void TearDownTestSuite() { links().reset(); }

 private:
  static std::unique_ptr<Links>& links() {
    static std::unique_ptr<Links> links;
    return links;
  }
};

class ApiTableMacvlan : public OnLinks<GoldenRow> {
 protected:
  static void SetUpTestSuite() { on_links_of("macvlan"); }
};

class ApiTableMacvtap : public OnLinks<GoldenRow> {
 protected:
  static void SetUpTestSuite() { on_links_of("macvtap"); }
};

constexpr auto kRowName = [](const auto& row) { return std::string(row.param.name); };

TEST_P(ApiTableMacvlan, Row) { expect_golden_row(kernel_api(), GetParam()); }
INSTANTIATE_TEST_SUITE_P(Golden, ApiTableMacvlan, testing::ValuesIn(golden_rows()), kRowName);

TEST_P(ApiTableMacvtap, Row) { expect_golden_row(kernel_api(), GetParam()); }
INSTANTIATE_TEST_SUITE_P(Golden, ApiTableMacvtap, testing::ValuesIn(golden_rows()), kRowName);

class ApiTableCases : public OnLinks<ApiCase> {
 protected:
  static void SetUpTestSuite() { on_links_of("macvlan"); }
};

TEST_P(ApiTableCases, Case) { GetParam().expect(kernel_api()); }
INSTANTIATE_TEST_SUITE_P(Further, ApiTableCases, testing::ValuesIn(api_cases()), kRowName);

}  // namespace
}  // namespace rxf::test
