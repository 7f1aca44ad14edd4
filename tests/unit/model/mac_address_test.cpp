// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/mac_address.h"

#include "tests/unit/model/values.h"

namespace rxf {
namespace {

using test::mac;

struct ParseRow {
  const char* name;
  const char* text;
  const char* printed;  // nullptr: refused
};

const ParseRow kParseRows[] = {
    {"Colons", "02:aa:bb:cc:dd:01", "02:aa:bb:cc:dd:01"},
    {"Dashes", "02-aa-bb-cc-dd-01", "02:aa:bb:cc:dd:01"},
    {"UpperCase", "02:AA:Bb:CC:dD:0F", "02:aa:bb:cc:dd:0f"},
    {"OneDigit", "2:a:b:c:d:1", "02:0a:0b:0c:0d:01"},
    {"Zero", "0:0:0:0:0:0", "00:00:00:00:00:00"},
    {"Broadcast", "ff:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:ff"},
    {"Empty", "", nullptr},
    {"FiveBytes", "02:aa:bb:cc:dd", nullptr},
    {"SevenBytes", "02:aa:bb:cc:dd:01:02", nullptr},
    {"MixedSeparators", "02:aa-bb:cc-dd:01", nullptr},
    {"MixedSeparatorsDashFirst", "02-aa-bb-cc-dd:01", nullptr},
    {"NoSeparators", "02aabbccdd01", nullptr},
    {"Dots", "02aa.bbcc.dd01", nullptr},
    {"EmptyByte", "02::bb:cc:dd:01", nullptr},
    {"EmptyLastByte", "02:aa:bb:cc:dd:", nullptr},
    {"EmptyFirstByte", ":aa:bb:cc:dd:01", nullptr},
    {"ThreeDigits", "002:aa:bb:cc:dd:01", nullptr},
    {"NotHexadecimal", "02:aa:bb:cc:dd:0g", nullptr},
    {"HexadecimalPrefix", "0x:aa:bb:cc:dd:01", nullptr},
    {"Sign", "+2:aa:bb:cc:dd:01", nullptr},
    {"SpaceBefore", " 2:aa:bb:cc:dd:01", nullptr},
    {"SpaceAfter", "02:aa:bb:cc:dd:01 ", nullptr},
};

class MacAddressParse : public testing::TestWithParam<ParseRow> {};

TEST_P(MacAddressParse, Row) {
  const auto address = MacAddress::parse(GetParam().text);
  ASSERT_EQ(address.has_value(), GetParam().printed != nullptr);
  if (address) {
    EXPECT_EQ(to_string(*address), GetParam().printed);
    EXPECT_EQ(mac(to_string(*address)), *address);
  } else {
    EXPECT_EQ(address.error().text, "\"" + std::string(GetParam().text) +
                                        "\" is not a MAC address: give six hexadecimal bytes, as in "
                                        "02:aa:bb:cc:dd:01");
    EXPECT_EQ(address.error().exit, Exit::usage);
  }
}
INSTANTIATE_TEST_SUITE_P(Texts, MacAddressParse, testing::ValuesIn(kParseRows), test::kRowName);

TEST(MacAddress, ParseReadsNoFurtherThanTheView) {
  const std::string_view text = "02:aa:bb:cc:dd:012";
  EXPECT_EQ(MacAddress::parse(text.substr(0, 17)).value(), mac("02:aa:bb:cc:dd:01"));
}

TEST(MacAddress, FromBytesKeepsWireOrder) {
  const std::array<std::uint8_t, 6> octets = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01};
  EXPECT_EQ(to_string(MacAddress::from_bytes(octets)), "02:aa:bb:cc:dd:01");
}

TEST(MacAddress, OrdersByBytes) {
  EXPECT_LT(mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02"));
  EXPECT_LT(mac("02:ff:ff:ff:ff:ff"), mac("80:00:00:00:00:00"));
}

struct ClassRow {
  const char* name;
  const char* text;
  bool group, broadcast, zero, link_local;
};

const ClassRow kClassRows[] = {
    {"Unicast", "02:aa:bb:cc:dd:01", false, false, false, false},
    {"Zero", "00:00:00:00:00:00", false, false, true, false},
    {"LastByteOnly", "00:00:00:00:00:01", false, false, false, false},
    {"Multicast", "01:00:5e:00:00:01", true, false, false, false},
    {"Broadcast", "ff:ff:ff:ff:ff:ff", true, true, false, false},
    {"NearlyBroadcast", "ff:ff:ff:ff:ff:fe", true, false, false, false},
    {"NearlyBroadcastUnicast", "fe:ff:ff:ff:ff:ff", false, false, false, false},
    {"FirstLinkLocal", "01:80:c2:00:00:00", true, false, false, true},
    {"LastLinkLocal", "01:80:c2:00:00:0f", true, false, false, true},
    {"AfterLinkLocal", "01:80:c2:00:00:10", true, false, false, false},
    {"OtherPrefix", "01:80:c2:00:01:00", true, false, false, false},
};

class MacAddressClass : public testing::TestWithParam<ClassRow> {};

TEST_P(MacAddressClass, Row) {
  const MacAddress address = mac(GetParam().text);
  EXPECT_EQ(address.is_group(), GetParam().group);
  EXPECT_EQ(address.is_broadcast(), GetParam().broadcast);
  EXPECT_EQ(address.is_zero(), GetParam().zero);
  EXPECT_EQ(address.is_link_local_control(), GetParam().link_local);
}
INSTANTIATE_TEST_SUITE_P(Classes, MacAddressClass, testing::ValuesIn(kClassRows), test::kRowName);

}  // namespace
}  // namespace rxf
