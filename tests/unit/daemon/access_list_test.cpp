// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/access_list.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/must.h"

namespace rxf::daemon {
namespace {

constexpr uid_t kAda = 71001;
constexpr uid_t kBob = 71002;
constexpr gid_t kGuests = 72001;
constexpr gid_t kStaff = 72002;

const Peer kAdaPeer = {.uid = kAda, .groups = {kAda, kGuests}};
const Peer kBobPeer = {.uid = kBob, .groups = {kStaff, kBob}};

AccessList list(const std::vector<std::string>& entries) { return test::must(AccessList::parse(entries)); }

TEST(AccessList, RootAndTheDaemonItselfMaySetEverything) {
  EXPECT_TRUE(AccessList().allows({.uid = 0}, "upper"));
  EXPECT_TRUE(AccessList().allows({.uid = ::geteuid()}, "upper"));
  EXPECT_FALSE(AccessList().allows(kAdaPeer, "upper"));
  EXPECT_FALSE(AccessList().allows({.uid = kAda, .groups = {0}}, "upper")) << "root's group is not root";
}

TEST(AccessList, AUserMaySetTheUpperItIsGiven) {
  const AccessList access = list({"upper=71001"});
  EXPECT_TRUE(access.allows(kAdaPeer, "upper"));
  EXPECT_FALSE(access.allows(kAdaPeer, "upper2"));
  EXPECT_FALSE(access.allows(kAdaPeer, "uppe"));
  EXPECT_FALSE(access.allows(kBobPeer, "upper"));
  EXPECT_FALSE(access.allows({.uid = kBob, .groups = {kAda}}, "upper")) << "a user's number is no group's";
}

TEST(AccessList, AGroupIsThePrimaryOneOrAnyOther) {
  const AccessList access = list({"upper=@72002"});
  EXPECT_TRUE(access.allows(kBobPeer, "upper"));
  EXPECT_TRUE(access.allows({.uid = kAda, .groups = {1, 2, kStaff}}, "upper"));
  EXPECT_FALSE(access.allows(kAdaPeer, "upper"));
  EXPECT_FALSE(access.allows({.uid = kStaff, .groups = {1}}, "upper")) << "a group's number is no user's";
}

TEST(AccessList, TheStarIsEveryUpper) {
  const AccessList access = list({"*=71001"});
  EXPECT_TRUE(access.allows(kAdaPeer, "upper"));
  EXPECT_TRUE(access.allows(kAdaPeer, "*"));
  EXPECT_FALSE(access.allows(kBobPeer, "upper"));
}

TEST(AccessList, EveryEntryCounts) {
  const AccessList access = list({"a=71001", "b=@72002", "a=@72002"});
  EXPECT_TRUE(access.allows(kAdaPeer, "a"));
  EXPECT_FALSE(access.allows(kAdaPeer, "b"));
  EXPECT_TRUE(access.allows(kBobPeer, "a"));
  EXPECT_TRUE(access.allows(kBobPeer, "b"));
}

TEST(AccessList, NamesAreLookedUp) {
  EXPECT_TRUE(list({"upper=daemon"}).allows({.uid = 1}, "upper"));
  EXPECT_TRUE(list({"upper=@daemon"}).allows({.uid = kAda, .groups = {1}}, "upper"));
}

TEST(AccessList, ADeviceNameMayHaveAnEqualsSign) {
  const AccessList access = list({"a=b=71001"});
  EXPECT_TRUE(access.allows(kAdaPeer, "a=b"));
  EXPECT_FALSE(access.allows(kAdaPeer, "a"));
}

struct Mistake {
  const char* entry;
  const char* text;
};

class AccessListMistake : public testing::TestWithParam<Mistake> {};

TEST_P(AccessListMistake, IsOneLineThatNamesTheEntry) {
  const auto list = AccessList::parse({"upper=71001", GetParam().entry});
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().text, "allow \"" + std::string(GetParam().entry) + "\": " + GetParam().text);
  EXPECT_EQ(list.error().exit, Exit::usage);
}

constexpr const char* kNeither = "not UPPER=USER or UPPER=@GROUP";

INSTANTIATE_TEST_SUITE_P(All, AccessListMistake,
                         testing::Values(Mistake{"", kNeither}, Mistake{"upper", kNeither}, Mistake{"=71001", kNeither},
                                         Mistake{"a/b=71001", kNeither}, Mistake{"a b=71001", kNeither},
                                         Mistake{"sixteen-letters!=1", kNeither},
                                         Mistake{"upper=", "no such user \"\""},
                                         Mistake{"upper=@", "no such group \"\""},
                                         Mistake{"upper=no-such-user", "no such user \"no-such-user\""},
                                         Mistake{"upper=@no-such-group", "no such group \"no-such-group\""},
                                         Mistake{"upper=-1", "no such user \"-1\""},
                                         Mistake{"upper=4294967295", "no such user \"4294967295\""},
                                         Mistake{"upper=@4294967296", "no such group \"4294967296\""},
                                         Mistake{"upper=71001x", "no such user \"71001x\""}));

}  // namespace
}  // namespace rxf::daemon
