// SPDX-License-Identifier: GPL-2.0-only
// The golden vectors, as far as they need no link.
#include "tests/support/golden.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <fstream>
#include <ostream>
#include <set>
#include <sstream>
#include <string>

#include "loader/netlink/rx_filter_codec.h"
#include "tests/support/raw_api_client.h"

namespace rxf::netlink {
namespace {

using test::Buffer;
using test::GoldenRow;

class Golden : public testing::TestWithParam<GoldenRow> {
 protected:
  void SetUp() override {
    if constexpr (std::endian::native != std::endian::little) GTEST_SKIP() << "the vectors are little-endian";
  }

  // What is said of the request where it cannot be set.
  static AttributeError refusal(const FilterSet& now, const Attribute& request) {
    const auto change = decode_change(request);
    if (!change) return change.error();
    const auto after = merged(now, *change);
    return {.error = after ? Error{} : after.error()};
  }
};

FilterSet filter_in(const GoldenRow::Buffer& attribute) {
  const auto filter = decode(attribute);
  EXPECT_TRUE(filter) << filter.error().text;
  return filter.value_or(FilterSet{});
}

TEST_P(Golden, RowComesOutOfTheCodec) {
  const GoldenRow& row = GetParam();
  const FilterSet now = row.before ? filter_in(*row.before) : FilterSet{};
  if (row.before) {
    EXPECT_EQ(encode(now), *row.before);
  }
  Bytes bytes = row.request;
  const auto request = take_attribute(bytes);
  ASSERT_TRUE(request && bytes.empty());

  const AttributeError refused = refusal(now, *request);
  EXPECT_EQ(refused.error.code, row.error) << refused.error.text;
  if (row.offset) {
    EXPECT_EQ(refused.offset + 4, *row.offset) << refused.error.text;
  }
  const FilterSet after = row.error == 0 ? merged(now, decode_change(*request).value()).value() : now;
  EXPECT_EQ(encode(after), row.after);
}

std::vector<GoldenRow> rows_of_the_codec() {
  auto rows = test::golden_rows();
  std::erase_if(rows, [](const GoldenRow& row) { return row.link != "passthru"; });
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Rows, Golden, testing::ValuesIn(rows_of_the_codec()),
                         [](const auto& row) { return row.param.name; });

// The bytes at the beginning of each line of the page's block "hex"; "00 * 506" is as many of one.
Buffer bytes_of_the_page() {
  std::ifstream page(RXF_NETLINK_API_PAGE);
  std::string line;
  while (std::getline(page, line) && line != "```hex") continue;
  Buffer bytes;
  while (std::getline(page, line) && line != "```") {
    std::istringstream words(line.substr(0, line.find("  ")));
    for (std::string word; words >> word;) {
      if (word != "*")
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(word, nullptr, 16)));
      else if (words >> word)
        bytes.resize(bytes.size() - 1 + std::stoul(word), bytes.back());
    }
  }
  return bytes;
}

TEST(NetlinkApiPage, ExplainsTheExample) {
  const auto& rows = test::golden_rows();
  const auto example = std::ranges::find(rows, "example", &GoldenRow::name);
  ASSERT_NE(example, rows.end());
  Buffer message =
      test::link_message(RTM_SETLINK, NLM_F_ACK, 0, {test::text_attribute(IFLA_IFNAME, "macvtap0"), example->request});
  message[offsetof(nlmsghdr, nlmsg_seq)] = 1;
  EXPECT_EQ(bytes_of_the_page(), message);
}

TEST(GoldenFile, HasEveryErrorAndNoNameTwice) {
  std::set<std::string> names;
  std::set<int> errors;
  for (const GoldenRow& row : test::golden_rows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    errors.insert(row.error);
  }
  EXPECT_GE(names.size(), 50U);
  EXPECT_EQ(errors, (std::set<int>{0, EINVAL, ERANGE, E2BIG, EADDRNOTAVAIL, EOPNOTSUPP}));
}

}  // namespace
}  // namespace rxf::netlink
