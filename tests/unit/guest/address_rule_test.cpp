// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/address_rule.h"

#include <gtest/gtest.h>

#include "tests/unit/guest/guest_values.h"

namespace rxf::guest {
namespace {

using test::mac;

TEST(AddressPattern, IsAnAddressOrTheFirstHalfOfOne) {
  EXPECT_EQ(AddressPattern::parse("02:aa:bb:cc:dd:01"), (AddressPattern{mac("02:aa:bb:cc:dd:01"), 48}));
  EXPECT_EQ(AddressPattern::parse("52-54-00-12-34-56"), (AddressPattern{mac("52:54:00:12:34:56"), 48}));
  EXPECT_EQ(AddressPattern::parse("52:54:00"), (AddressPattern{mac("52:54:00:00:00:00"), 24}));
  EXPECT_EQ(AddressPattern::parse("52-54-0"), (AddressPattern{mac("52:54:00:00:00:00"), 24}));
}

TEST(AddressPattern, AnythingElseIsQuoted) {
  for (const std::string text : {"", "52", "52:54", "52:54:00:12", "52:54:00:12:34", "52:54:00:", "52:54:0g",
                                 "52-54:00", "02:aa:bb:cc:dd:01:02", "525400"}) {
    const auto parsed = AddressPattern::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().exit, Exit::usage);
    EXPECT_NE(parsed.error().text.find('"' + text + '"'), std::string::npos) << parsed.error().text;
  }
  EXPECT_LT(AddressPattern::parse(std::string(100'000, 'a')).error().text.size(), 300U);
}

TEST(AddressPattern, IsPrintedAsItIsRead) {
  for (const std::string text : {"02:aa:bb:cc:dd:01", "52:54:00", "01:00:5e"})
    EXPECT_EQ(to_string(*AddressPattern::parse(text)), text);
}

TEST(AddressPattern, ComparesTheBytesThatCount) {
  const auto oui = *AddressPattern::parse("52:54:00");
  EXPECT_TRUE(oui.matches(mac("52:54:00:12:34:56")));
  EXPECT_TRUE(oui.matches(mac("52:54:00:00:00:00")));
  EXPECT_FALSE(oui.matches(mac("52:54:01:12:34:56")));
  const auto one = *AddressPattern::parse("52:54:00:00:00:00");
  EXPECT_TRUE(one.matches(mac("52:54:00:00:00:00")));
  EXPECT_FALSE(one.matches(mac("52:54:00:00:00:01")));
}

TEST(AddressRule, AllowsWhatMatchesOrAny) {
  EXPECT_FALSE(AddressRule{}.allows(mac("52:54:00:12:34:56")));
  EXPECT_TRUE(test::any_address().allows(mac("52:54:00:12:34:56")));
  const AddressRule list = test::only({"02:aa:bb:cc:dd:01", "52:54:00"});
  EXPECT_TRUE(list.allows(mac("02:aa:bb:cc:dd:01")));
  EXPECT_TRUE(list.allows(mac("52:54:00:ff:ff:ff")));
  EXPECT_FALSE(list.allows(mac("02:aa:bb:cc:dd:02")));
}

TEST(AddressRule, AllowsEveryOneWhereNoLimitCutsBeforeTheProducts) {
  EXPECT_TRUE(test::any_address().allows_every());
  EXPECT_FALSE(test::any_address(1023).allows_every());
  EXPECT_FALSE(test::only({"52:54:00"}).allows_every());
}

}  // namespace
}  // namespace rxf::guest
