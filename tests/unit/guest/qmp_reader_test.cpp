// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/qmp_reader.h"

#include <gtest/gtest.h>

#include <ctime>
#include <stdexcept>

namespace rxf::guest {
namespace {

using Json = nlohmann::json;

std::string nested(int depth) {
  std::string text = R"({"a":)";
  for (int at = 1; at < depth; ++at) text += "[";
  for (int at = 1; at < depth; ++at) text += "]";
  return text + "}";
}

// All that there are: the objects as text, errors with a '!' before.
std::vector<std::string> rest_of(QmpReader& reader) {
  std::vector<std::string> all;
  while (const auto message = reader.next()) all.push_back(*message ? (*message)->dump() : "!" + message->error().text);
  return all;
}

TEST(QmpReader, CutsAtTheEndsOfLines) {
  QmpReader reader;
  ASSERT_TRUE(reader.feed("{\"a\":1}\r\n{\"b\":2}\n{\"c\""));
  EXPECT_EQ(rest_of(reader), (std::vector<std::string>{R"({"a":1})", R"({"b":2})"}));
  ASSERT_TRUE(reader.feed(":3}"));
  EXPECT_EQ(rest_of(reader), std::vector<std::string>{});
  ASSERT_TRUE(reader.feed("\r\n"));
  EXPECT_EQ(rest_of(reader), std::vector<std::string>{R"({"c":3})"});
}

TEST(QmpReader, TakesABytesAtATime) {
  QmpReader reader;
  std::vector<std::string> all;
  for (const char byte : std::string_view("{\"a\":1}\r\n\r\n{\"b\":\"\\n\"}\r\n")) {
    ASSERT_TRUE(reader.feed(std::string(1, byte)));
    for (std::string& message : rest_of(reader)) all.push_back(std::move(message));
  }
  EXPECT_EQ(all, (std::vector<std::string>{R"({"a":1})", R"({"b":"\n"})"}));
}

struct BadRow {
  const char* name;
  std::string line;
  const char* error;
};

void PrintTo(const BadRow& row, std::ostream* out) { *out << row.name; }

class BadQmpLine : public testing::TestWithParam<BadRow> {};

TEST_P(BadQmpLine, IsAnErrorAndTheNextOneIsRead) {
  QmpReader reader;
  ASSERT_TRUE(reader.feed(GetParam().line + "\n{}\n"));
  EXPECT_EQ(rest_of(reader), (std::vector<std::string>{std::string("!") + GetParam().error, "{}"}));
}

const std::string kTooDeep = "nested deeper than 16";

INSTANTIATE_TEST_SUITE_P(
    Rows, BadQmpLine,
    testing::Values(BadRow{"words", "QEMU 7.2.22 monitor - type 'help' for more information", "not JSON"},
                    BadRow{"cut_short", R"({"a":)", "not JSON"}, BadRow{"two_values", "{}{}", "not JSON"},
                    BadRow{"zero_byte", std::string("{\0}", 3), "not JSON"},
                    BadRow{"not_utf8", "{\"a\":\"\xff\"}", "not JSON"},
                    BadRow{"overlong_utf8", "{\"\xc0\xaf\":1}", "not JSON"},
                    BadRow{"lone_surrogate", R"({"a":"\ud800"})", "not JSON"},
                    BadRow{"number_too_large", R"({"a":1e999})", "not JSON"}, BadRow{"comment", "{/**/}", "not JSON"},
                    BadRow{"list", "[{}]", "not a JSON object"}, BadRow{"null", "null", "not a JSON object"},
                    BadRow{"string", R"("{}")", "not a JSON object"},
                    BadRow{"too_deep_by_one", nested(17), kTooDeep.c_str()},
                    BadRow{"too_deep_list", std::string(20, '[') + std::string(20, ']'), kTooDeep.c_str()},
                    BadRow{"deep_and_cut_short", std::string(1 << 20, '['), kTooDeep.c_str()},
                    BadRow{"deep_objects",
                           [] {
                             std::string text;
                             for (int at = 0; at < 100'000; ++at) text += "{\"\":";
                             return text;
                           }(),
                           kTooDeep.c_str()}),
    [](const auto& row) { return row.param.name; });

TEST(QmpReader, TakesTheDeepestThatIsAllowed) {
  QmpReader reader;
  ASSERT_TRUE(reader.feed(nested(16) + "\n"));
  EXPECT_EQ(rest_of(reader), std::vector<std::string>{nested(16)});
}

// `{"":"..."}` with as many bytes in all.
std::string line_of_size(std::size_t size) { return R"({"":")" + std::string(size - 7, 'x') + R"("})"; }

TEST(QmpReader, TakesTheLongestLineAndNoLonger) {
  QmpReader reader;
  ASSERT_EQ(line_of_size(10).size(), 10U);
  ASSERT_TRUE(reader.feed(line_of_size(QmpReader::kMaxMessage)));
  ASSERT_TRUE(reader.feed("\n"));
  EXPECT_EQ(rest_of(reader).size(), 1U);
  ASSERT_TRUE(reader.feed(line_of_size(QmpReader::kMaxMessage)));
  const Result<void> more = reader.feed(" ");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().text, "a line of more than 1048576 bytes");
}

TEST(QmpReader, RefusesALongerLineThatEndsAtOnce) {
  QmpReader reader;
  ASSERT_TRUE(reader.feed(line_of_size(QmpReader::kMaxMessage + 1) + "\n{}\n"));
  EXPECT_EQ(rest_of(reader), (std::vector<std::string>{"!a line of more than 1048576 bytes", "{}"}));
}

TEST(QmpReader, HasWhatCameBeforeALineThatIsTooLong) {
  QmpReader reader;
  EXPECT_FALSE(reader.feed("{}\n" + std::string(QmpReader::kMaxMessage + 1, ' ')));
  EXPECT_EQ(rest_of(reader), std::vector<std::string>{"{}"});
}

// A limit of each line, not of what comes at once.
TEST(QmpReader, TakesMoreThanALineAtOnce) {
  QmpReader reader;
  std::string text;
  while (text.size() < 4 * QmpReader::kMaxMessage) text += line_of_size(1 << 18) + "\n";
  ASSERT_TRUE(reader.feed(text));
  EXPECT_EQ(rest_of(reader).size(), text.size() / ((1 << 18) + 1));
}

// Seconds of the processor that feeding a quarter of the longest line takes, byte by byte.
double time_of_a_quarter(QmpReader& reader) {
  const std::clock_t begin = std::clock();
  for (std::size_t at = 0; at < QmpReader::kMaxMessage / 4; ++at) {
    if (!reader.feed("x") || reader.next()) throw std::runtime_error("not one line");
  }
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

// What has been searched for the end of the line is not searched again.
TEST(QmpReader, DoesNotSlowDownWithTheLine) {
  QmpReader reader;
  const double first = time_of_a_quarter(reader);
  time_of_a_quarter(reader);
  time_of_a_quarter(reader);
  EXPECT_LT(time_of_a_quarter(reader), 3 * first + 0.1);
}

TEST(QmpReader, PassesOverAnyNumberOfEmptyLines) {
  QmpReader reader;
  ASSERT_TRUE(reader.feed(std::string(1 << 22, '\n') + "{}\n"));
  EXPECT_EQ(rest_of(reader), std::vector<std::string>{"{}"});
}

}  // namespace
}  // namespace rxf::guest
