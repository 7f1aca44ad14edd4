// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/filter_json.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace rxf::cli {
namespace {

constexpr MacAddress kUnicast{{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01}};
constexpr MacAddress kGroup{{0x33, 0x33, 0, 0, 0, 0xfb}};

const AddressFilter kAddresses{
    .flags = {.broadcast = true, .multicast = true}, .unicast = {kUnicast}, .multicast = {kGroup}};

struct GoodRow {
  const char* name;
  FilterSet filter;
  const char* text;
};

void PrintTo(const GoodRow& row, std::ostream* out) { *out << row.name; }

class FilterJson : public testing::TestWithParam<GoodRow> {};

TEST_P(FilterJson, GoesBothWays) {
  const GoodRow& row = GetParam();
  EXPECT_EQ(to_json(row.filter).dump(), row.text);
  const Result<FilterSet> parsed = parse_filter_json(row.text, "f");
  ASSERT_TRUE(parsed) << parsed.error().text;
  EXPECT_EQ(*parsed, row.filter);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, FilterJson,
    testing::Values(
        GoodRow{"unfiltered", {}, "{}"}, GoodRow{"no_vlan_at_all", {.vlans = VlanSet{}}, R"({"vlans":"none"})"},
        GoodRow{"vlans", {.vlans = *VlanSet::parse("42,100-109")}, R"({"vlans":"42,100-109"})"},
        GoodRow{"nothing_accepted", {.addresses = AddressFilter{}}, R"({"flags":[],"unicast":[],"multicast":[]})"},
        GoodRow{
            "both",
            {.addresses = kAddresses, .vlans = *VlanSet::parse("1-4094")},
            R"({"flags":["broadcast","multicast"],"unicast":["02:aa:bb:cc:dd:01"],"multicast":["33:33:00:00:00:fb"],"vlans":"1-4094"})"}),
    [](const auto& row) { return row.param.name; });

TEST(FilterJsonText, MissingListsAreEmpty) {
  const Result<FilterSet> parsed = parse_filter_json(" { \"flags\" : [ \"promisc\" ] }\n\n", "f");
  ASSERT_TRUE(parsed) << parsed.error().text;
  EXPECT_EQ(*parsed, (FilterSet{.addresses = AddressFilter{.flags = {.promisc = true}}}));
}

struct BadRow {
  const char* name;
  std::string text;
  const char* words;
};

void PrintTo(const BadRow& row, std::ostream* out) { *out << row.name; }

class BadFilterJson : public testing::TestWithParam<BadRow> {};

TEST_P(BadFilterJson, IsOneShortUsageErrorThatNamesTheFile) {
  const BadRow& row = GetParam();
  const Result<FilterSet> parsed = parse_filter_json(row.text, "filter.json");
  ASSERT_FALSE(parsed);
  const std::string& error = parsed.error().text;
  EXPECT_EQ(parsed.error().exit, Exit::usage);
  EXPECT_TRUE(error.starts_with("filter.json: ")) << error;
  EXPECT_NE(error.find(row.words), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  EXPECT_EQ(error.find("json.exception"), std::string::npos) << error;
  EXPECT_LT(error.size(), 250U) << error;
}

std::string too_many_addresses() {
  std::string text = R"({"flags":[],"unicast":[)";
  for (int i = 0; i <= 1024; ++i) {
    char address[32];
    std::snprintf(address, sizeof(address), "%s\"02:00:00:00:%02x:%02x\"", i == 0 ? "" : ",", i >> 8, i & 0xff);
    text += address;
  }
  return text + "]}";
}

INSTANTIATE_TEST_SUITE_P(
    Rows, BadFilterJson,
    testing::Values(
        BadRow{"empty", "", "line 1, column 1: the file ends too early"},
        BadRow{"half_object", "{\"vlans\":", "line 1, column 10: the file ends too early"},
        BadRow{"half_string", "{\n\"vla", "line 2, column 5: the file ends too early"},
        BadRow{"half_list", "{\"flags\":[\"broadcast\",", "the file ends too early"},
        BadRow{"not_json", "{\n  vlans: 3}", "line 2, column 3: not JSON"},
        BadRow{"trailing_comma", "{\"vlans\":\"3\",}", "line 1, column 14: not JSON"},
        BadRow{"trailing_text", "{} x", "line 1, column 4: something follows the object"},
        BadRow{"second_object", "{}{}", "something follows the object"},
        BadRow{"not_utf8", "{\"vlans\":\"\xff\"}", "line 1, column 11: not UTF-8"},
        BadRow{"not_utf8_key", "{\"\xc3\x28\":1}", "not UTF-8"},
        BadRow{"zero_byte", std::string("{\"vlans\":\"\0\"}", 13), "not JSON"},
        BadRow{"huge_number", "{\"vlans\":1e999}", "not JSON"},
        BadRow{"long_garbage", std::string(500000, 'x'), "line 1, column 1: not JSON"},
        BadRow{"list_outside", "[]", "a list where an object"},
        BadRow{"number_outside", "7", "a number where an object"},
        BadRow{"deep_lists", std::string(500000, '['), "a list where an object"},
        BadRow{"deep_in_list", "{\"unicast\":" + std::string(500000, '['), "unicast, item 1: a list where a string"},
        BadRow{"deep_objects", R"({"unicast":{"a":{"b":{"c":{"d":{}}}}}})", "unicast: an object where a list"},
        BadRow{"unknown_key", R"({"vlan":"3"})", "unknown key \"vlan\""},
        BadRow{"long_key", "{\"" + std::string(500000, 'k') + "\":1}", "unknown key \"kkk"},
        BadRow{"key_case", R"({"Flags":[]})", "unknown key \"Flags\""},
        BadRow{"key_twice", R"({"vlans":"3","vlans":"3"})", "\"vlans\" is there twice"},
        BadRow{"vlans_list", R"({"vlans":[3]})", "vlans: a list where a string"},
        BadRow{"vlans_number", R"({"vlans":3})", "vlans: a number where a string"},
        BadRow{"vlans_null", R"({"vlans":null})", "vlans: null where a string"},
        BadRow{"vlans_empty", R"({"vlans":""})", "vlans: "}, BadRow{"vlans_all", R"({"vlans":"all"})", "\"all\""},
        BadRow{"vlans_4095", R"({"vlans":"10,4095"})", "4095"},
        BadRow{"vlans_long", "{\"vlans\":\"" + std::string(500000, '1') + "\"}", "vlans: "},
        BadRow{"unicast_string", R"({"flags":[],"unicast":"02:aa:bb:cc:dd:01"})", "unicast: a string where a list"},
        BadRow{"unicast_null", R"({"flags":[],"unicast":null})", "unicast: null where a list"},
        BadRow{"item_number", R"({"flags":[],"unicast":["02:aa:bb:cc:dd:01",-2.5]})", "unicast, item 2: a number"},
        BadRow{"item_boolean", R"({"flags":[true]})", "flags, item 1: a boolean"},
        BadRow{"item_not_mac", R"({"flags":[],"unicast":["02:aa:bb:cc:dd:01","zz"]})", "unicast, item 2: \"zz\""},
        BadRow{"item_long", "{\"flags\":[],\"unicast\":[\"" + std::string(500000, 'a') + "\"]}", "unicast, item 1"},
        BadRow{"item_group", R"({"flags":[],"unicast":["33:33:00:00:00:fb"]})", "unicast, item 1"},
        BadRow{"item_not_group", R"({"flags":[],"multicast":["02:aa:bb:cc:dd:01"]})", "multicast, item 1"},
        BadRow{"item_newline", R"({"flags":["a\nb"]})", "flags, item 1: \"a?b\" is not a flag"},
        BadRow{"no_flags", R"({"unicast":["02:aa:bb:cc:dd:01"]})", "\"flags\" is missing"},
        BadRow{"group_without_flag", R"({"flags":[],"multicast":["33:33:00:00:00:fb"]})", "multicast flag"},
        BadRow{"too_many", too_many_addresses(), "1025"}),
    [](const auto& row) { return row.param.name; });

class FilterFile : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/rxfilter-file-XXXXXX";
    const int fd = ::mkstemp(path);
    ASSERT_GE(fd, 0);
    ::close(fd);
    path_ = path;
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  void write(const std::string& text) const { std::ofstream(path_) << text; }

  std::string path_;
};

TEST_F(FilterFile, IsRead) {
  write(R"({"vlans":"42"})");
  const Result<FilterSet> filter = read_filter_file(path_);
  ASSERT_TRUE(filter) << filter.error().text;
  EXPECT_EQ(*filter, FilterSet{.vlans = *VlanSet::parse("42")});
}

TEST_F(FilterFile, OfExactlyTheLimitIsRead) {
  write("{}" + std::string((1 << 20) - 2, ' '));
  EXPECT_TRUE(read_filter_file(path_));
}

TEST_F(FilterFile, LargerThanTheLimitIsRefused) {
  write("{}" + std::string((1 << 20) - 1, ' '));
  const Result<FilterSet> filter = read_filter_file(path_);
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().text, path_ + ": larger than 1 MiB, the limit for a filter file");
}

TEST(FilterFiles, WithoutEndAreRefusedAtOnce) {
  const Result<FilterSet> filter = read_filter_file("/dev/zero");
  ASSERT_FALSE(filter);
  EXPECT_NE(filter.error().text.find("1 MiB"), std::string::npos) << filter.error().text;
}

TEST(FilterFiles, ThatCannotBeReadAreSystemErrors) {
  const Result<FilterSet> missing = read_filter_file("/nonexistent/filter.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), (Error{"/nonexistent/filter.json: No such file or directory", ENOENT, Exit::refused}));
  const Result<FilterSet> directory = read_filter_file("/");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error(), (Error{"/: Is a directory", EISDIR, Exit::refused}));
}

}  // namespace
}  // namespace rxf::cli
