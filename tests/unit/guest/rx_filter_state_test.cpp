// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/rx_filter_state.h"

#include <gtest/gtest.h>

namespace rxf::guest {
namespace {

using Json = nlohmann::json;

constexpr MacAddress kMain{{0x52, 0x54, 0, 0x12, 0x34, 0x56}};
constexpr MacAddress kFurther{{0x02, 0, 0, 0, 0, 0xa1}};
constexpr MacAddress kGroup{{0x33, 0x33, 0, 0, 0, 1}};

const Json kEntry = Json::parse(R"({"promiscuous": true, "name": "net0", "main-mac": "52:54:00:12:34:56",
    "unicast": "none", "vlan": "normal", "vlan-table": [4095, 42, 0], "unicast-table": ["02:00:00:00:00:a1"],
    "multicast": "all", "multicast-overflow": false, "unicast-overflow": true, "multicast-table": ["33:33:00:00:00:01"],
    "broadcast-allowed": false})");

Json with(const char* key, Json value) {
  Json entry = kEntry;
  entry[key] = std::move(value);
  return entry;
}

TEST(RxFilterStateDecoder, TakesAll) {
  const auto state = decode_rx_filter(kEntry);
  ASSERT_TRUE(state) << state.error().text;
  EXPECT_EQ(*state, (RxFilterState{.name = "net0",
                                   .promiscuous = true,
                                   .unicast = RxMode::none,
                                   .multicast = RxMode::all,
                                   .vlan = RxMode::normal,
                                   .unicast_overflow = true,
                                   .multicast_overflow = false,
                                   .main_mac = kMain,
                                   .unicast_table = {kFurther},
                                   .multicast_table = {kGroup},
                                   .vlan_table = *VlanSet::parse("42")}));
}

// Each of a kind is told from the other.
TEST(RxFilterStateDecoder, DoesNotMixThemUp) {
  Json entry = kEntry;
  entry.update(Json::parse(R"({"promiscuous": false, "unicast": "all", "multicast": "normal", "vlan": "none",
                               "unicast-overflow": false, "multicast-overflow": true})"));
  const auto state = decode_rx_filter(entry);
  ASSERT_TRUE(state) << state.error().text;
  EXPECT_FALSE(state->promiscuous);
  EXPECT_EQ(state->unicast, RxMode::all);
  EXPECT_EQ(state->multicast, RxMode::normal);
  EXPECT_EQ(state->vlan, RxMode::none);
  EXPECT_FALSE(state->unicast_overflow);
  EXPECT_TRUE(state->multicast_overflow);
}

// It is inverted, and a QEMU in which it is not, or is not there, says nothing else to us.
TEST(RxFilterStateDecoder, DoesNotLookAtBroadcast) {
  const auto state = decode_rx_filter(kEntry);
  EXPECT_EQ(decode_rx_filter(with("broadcast-allowed", true)), state);
  EXPECT_EQ(decode_rx_filter(with("broadcast-allowed", "yes")), state);
  EXPECT_EQ(decode_rx_filter(with("something-new", Json::array({1, 2}))), state);
  Json without = kEntry;
  without.erase("broadcast-allowed");
  EXPECT_EQ(decode_rx_filter(without), state);
}

TEST(RxFilterStateDecoder, TakesWhateverAddressAGuestSets) {
  Json entry = with("main-mac", "ff:ff:ff:ff:ff:ff");
  entry["unicast-table"] = {"33:33:00:00:00:01", "00:00:00:00:00:00"};
  entry["multicast-table"] = {"02:00:00:00:00:a1", "02:00:00:00:00:A1"};
  const auto state = decode_rx_filter(entry);
  ASSERT_TRUE(state) << state.error().text;
  EXPECT_TRUE(state->main_mac.is_broadcast());
  EXPECT_EQ(state->unicast_table, (AddressSet{MacAddress{}, kGroup}));
  EXPECT_EQ(state->multicast_table, AddressSet{kFurther});
}

Json addresses(std::size_t count) {
  Json list = Json::array();
  for (std::size_t at = 0; at < count; ++at) list.push_back("02:00:00:00:00:01");
  return list;
}

TEST(RxFilterStateDecoder, TakesTheLongestLists) {
  EXPECT_TRUE(decode_rx_filter(with("unicast-table", addresses(1024))));
  EXPECT_TRUE(decode_rx_filter(with("multicast-table", addresses(1024))));
  EXPECT_TRUE(decode_rx_filter(with("vlan-table", Json(std::vector<unsigned>(4096, 7)))));
  EXPECT_TRUE(decode_rx_filter(with("name", std::string(255, 'n'))));
}

struct BadRow {
  const char* name;
  const char* key;
  Json value;  // discarded: the member is not there
  const char* error;
};

void PrintTo(const BadRow& row, std::ostream* out) { *out << row.name; }

class BadRxFilter : public testing::TestWithParam<BadRow> {};

TEST_P(BadRxFilter, NamesTheMember) {
  const BadRow& row = GetParam();
  Json entry = with(row.key, row.value);
  if (row.value.is_discarded()) entry.erase(row.key);
  const auto state = decode_rx_filter(entry);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().text, std::string(row.key) + ": " + row.error);
}

const Json kMissing(Json::value_t::discarded);

INSTANTIATE_TEST_SUITE_P(Missing, BadRxFilter,
                         testing::Values(BadRow{"name", "name", kMissing, "missing"},
                                         BadRow{"promiscuous", "promiscuous", kMissing, "missing"},
                                         BadRow{"unicast", "unicast", kMissing, "missing"},
                                         BadRow{"multicast", "multicast", kMissing, "missing"},
                                         BadRow{"vlan", "vlan", kMissing, "missing"},
                                         BadRow{"unicast_overflow", "unicast-overflow", kMissing, "missing"},
                                         BadRow{"multicast_overflow", "multicast-overflow", kMissing, "missing"},
                                         BadRow{"main_mac", "main-mac", kMissing, "missing"},
                                         BadRow{"unicast_table", "unicast-table", kMissing, "missing"},
                                         BadRow{"multicast_table", "multicast-table", kMissing, "missing"},
                                         BadRow{"vlan_table", "vlan-table", kMissing, "missing"}),
                         [](const auto& row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Wrong, BadRxFilter,
    testing::Values(
        BadRow{"name_number", "name", 1, "of a wrong type: number"}, BadRow{"name_empty", "name", "", "not a name"},
        BadRow{"name_long", "name", std::string(256, 'n'), "not a name"},
        BadRow{"name_escape", "name", "net\x1b[2J", "not a name"},
        BadRow{"promiscuous_number", "promiscuous", 1, "of a wrong type: number"},
        BadRow{"promiscuous_text", "promiscuous", "true", "of a wrong type: string"},
        BadRow{"promiscuous_null", "promiscuous", nullptr, "of a wrong type: null"},
        BadRow{"overflow_object", "unicast-overflow", Json::object(), "of a wrong type: object"},
        BadRow{"mode_other", "unicast", "some", R"("some" is not none, normal or all)"},
        BadRow{"mode_case", "multicast", "All", R"("All" is not none, normal or all)"},
        BadRow{"mode_boolean", "vlan", true, "of a wrong type: boolean"},
        BadRow{"mac_short", "main-mac", "52:54:00:12:34", R"("52:54:00:12:34" is no address)"},
        BadRow{"mac_long", "main-mac", "52:54:00:12:34:56:78", R"("52:54:00:12:34:56:78" is no address)"},
        BadRow{"mac_bytes", "main-mac", Json::array({1, 2, 3, 4, 5, 6}), "of a wrong type: array"},
        BadRow{"table_text", "unicast-table", "02:00:00:00:00:a1", "of a wrong type: string"},
        BadRow{"table_number", "multicast-table", Json::array({7}), "an item that is no string"},
        BadRow{"table_second", "multicast-table", Json::array({"33:33:00:00:00:01", "x"}), R"("x" is no address)"},
        BadRow{"unicast_many", "unicast-table", addresses(1025), "more than 1024 items"},
        BadRow{"multicast_many", "multicast-table", addresses(1025), "more than 1024 items"},
        BadRow{"vids_many", "vlan-table", Json(std::vector<unsigned>(4097, 7)), "more than 4096 items"},
        BadRow{"vid_large", "vlan-table", Json::array({4096U}), "4096 is no VID"},
        BadRow{"vid_huge", "vlan-table", Json::array({18446744073709551615U}), "18446744073709551615 is no VID"},
        BadRow{"vid_negative", "vlan-table", Json::array({-1}), "an item that is no VID"},
        BadRow{"vid_fraction", "vlan-table", Json::array({42.0}), "an item that is no VID"},
        BadRow{"vid_text", "vlan-table", Json::array({"42"}), "an item that is no VID"},
        BadRow{"vid_list", "vlan-table", Json::array({Json::array({42})}), "an item that is no VID"}),
    [](const auto& row) { return row.param.name; });

// Of a guest's own text only a little is repeated, and nothing that a terminal acts upon.
TEST(RxFilterStateDecoder, QuotesLittle) {
  const auto state = decode_rx_filter(with("main-mac", "\x1b[2J\n" + std::string(100'000, 'x')));
  ASSERT_FALSE(state);
  EXPECT_LT(state.error().text.size(), 100U);
  EXPECT_EQ(state.error().text.find('\x1b'), std::string::npos);
  EXPECT_EQ(state.error().text.find('\n'), std::string::npos);
}

TEST(RxFilterStateDecoder, TakesObjectsOnly) {
  for (const char* text : {"null", "[]", "1", "\"net0\"", "true"})
    EXPECT_EQ(decode_rx_filter(Json::parse(text)).error().text, "not an object") << text;
}

}  // namespace
}  // namespace rxf::guest
