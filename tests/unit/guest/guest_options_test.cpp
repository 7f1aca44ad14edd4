// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/guest_options.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/guest/guest_values.h"

namespace rxf::guest {
namespace {

using test::any_address;
using test::mac;
using test::macs;
using test::only;
using test::vlans;

class GuestFile : public testing::Test {
 protected:
  GuestFile() {
    std::string path = "/tmp/rxfilter-guest-XXXXXX";
    directory_ = ::mkdtemp(path.data());
  }
  ~GuestFile() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }
  Result<GuestSettings> read(const std::string& text) { return read_guest_file(write("guest.conf", text)); }

  std::string directory_;
};

constexpr const char* kUsual = "upper = macvtap0\nqmp = /run/vm/a.qmp\n";

TEST_F(GuestFile, DefaultsAreTheProducts) {
  EXPECT_EQ(read(kUsual), (GuestSettings{.upper = "macvtap0", .qmp = "/run/vm/a.qmp"}));
  EXPECT_EQ(read(std::string(kUsual) + "main-mac = fixed\nunicast = none\nmulticast = follow\nvlans = follow\n"
                                       "promisc = deny\nallmulti = allow\nchanges = 10\npoll = 30\nshadow = false\n"),
            (GuestSettings{.upper = "macvtap0", .qmp = "/run/vm/a.qmp"}));
}

TEST_F(GuestFile, HasAKeyForEverything) {
  const std::string profile = write("profile.json", R"({"vlans":"7"})");
  EXPECT_EQ(read("# one guest\n[default]\n" + std::string(kUsual) +
                 "nic = \"net0\"\n"
                 "mac = 52:54:00:12:34:56\n"
                 "main-mac = [\"02:00:00:00:00:01\"]\n"
                 "unicast = [\"02:aa:bb\", \"52:54:00:00:00:07\"]\n"
                 "unicast-limit = 16\n"
                 "multicast = 01:00:5e,33:33:00:00:00:01\n"
                 "multicast-limit = 32\n"
                 "vlans = 10,20-29\n"
                 "promisc = allow\n"
                 "allmulti = deny\n"
                 "changes = 1000\n"
                 "poll = 1\n"
                 "shadow = true\n"
                 "profile = " +
                 profile + "\n"),
            (GuestSettings{.upper = "macvtap0",
                           .qmp = "/run/vm/a.qmp",
                           .nic = "net0",
                           .mac = mac("52:54:00:12:34:56"),
                           .policy = {.main_mac = only({"02:00:00:00:00:01"}),
                                      .unicast = only({"02:aa:bb", "52:54:00:00:00:07"}, 16),
                                      .multicast = only({"01:00:5e", "33:33:00:00:00:01"}, 32),
                                      .vlans = vlans("10,20-29"),
                                      .promisc = true,
                                      .allmulti = false},
                           .profile = FilterSet{.vlans = vlans("7")},
                           .shadow = true,
                           .changes = 1000,
                           .poll = 1}));
}

TEST_F(GuestFile, WordsForListsMeanWhatTheySay) {
  const auto policy = [this](const std::string& lines) { return read(kUsual + lines)->policy; };
  EXPECT_EQ(policy("main-mac = any\n"), (Policy{.main_mac = any_address()}));
  EXPECT_EQ(policy("unicast = any\nunicast-limit = 1024\n"), (Policy{.unicast = any_address()}));
  EXPECT_EQ(policy("unicast = any\nunicast-limit = 1\n"), (Policy{.unicast = any_address(1)}));
  EXPECT_EQ(policy("multicast = all\n"), (Policy{.all_multicast = true}));
  EXPECT_EQ(policy("multicast = none\n"), (Policy{.multicast = {}}));
  EXPECT_EQ(policy("multicast-limit = 64\n"), (Policy{.multicast = any_address(64)}));
  EXPECT_EQ(policy("vlans = none\n"), (Policy{.vlans = VlanSet{}}));
  EXPECT_EQ(policy("vlans = [\"10\", \"20-29\"]\n"), (Policy{.vlans = vlans("10,20-29")}));
  EXPECT_EQ(policy("vlans = 10\n"), (Policy{.vlans = vlans("10")}));
  EXPECT_EQ(policy("unicast = 02:00:00:00:00:01, 02:00:00:00:00:01\n"),
            (Policy{.unicast = only({"02:00:00:00:00:01"})}));
}

TEST_F(GuestFile, ProfileAloneNeedsNoQemu) {
  const std::string profile = write("profile.json", R"({"flags":["broadcast"],"unicast":["02:00:00:00:00:01"]})");
  const auto settings = read("upper = macvtap0\nshadow = true\npoll = 5\nprofile = " + profile + "\n");
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_EQ(settings->qmp, std::nullopt);
  EXPECT_EQ(
      settings->profile,
      (FilterSet{.addresses = AddressFilter{.flags = {.broadcast = true}, .unicast = macs({"02:00:00:00:00:01"})}}));
}

struct BadFile {
  const char* name;
  const char* text;
  const char* words;
};
void PrintTo(const BadFile& row, std::ostream* out) { *out << row.name; }

class BadGuestFile : public GuestFile, public testing::WithParamInterface<BadFile> {};

TEST_P(BadGuestFile, IsAnErrorThatNamesTheFileAndTheKey) {
  const std::string text = GetParam().text;
  const auto settings = read(text.starts_with('!') ? text.substr(1) : kUsual + text);
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().exit, Exit::usage);
  EXPECT_TRUE(settings.error().text.starts_with(directory_ + "/guest.conf: ")) << settings.error().text;
  EXPECT_NE(settings.error().text.find(GetParam().words), std::string::npos) << settings.error().text;
  EXPECT_EQ(settings.error().text.find('\n'), std::string::npos) << settings.error().text;
  EXPECT_LT(settings.error().text.size(), 300U);
}

// A text that begins with ! is the whole file, the others come after `upper` and `qmp`.
INSTANTIATE_TEST_SUITE_P(
    Keys, BadGuestFile,
    testing::Values(BadFile{"Empty", "!", "upper is missing"}, BadFile{"NoUpper", "!qmp = /x\n", "upper is missing"},
                    BadFile{"NoSource", "!upper = m\n", "neither qmp nor profile"},
                    BadFile{"UnknownKey", "colour = red\n", "unknown key \"colour\""},
                    BadFile{"KeyOfTheProgram", "config = /x\n", "unknown key \"config\""},
                    BadFile{"Help", "help = 1\n", "unknown key \"help\""},
                    BadFile{"Section", "[guest]\nupper = m\n", "section \"guest\""},
                    BadFile{"DottedKey", "a.upper = m\n", "section \"a\""},
                    BadFile{"TwiceInARow", "!qmp = /x\nupper = a\nupper = b\n", "--upper"},
                    BadFile{"TwiceApart", "upper = b\n", "key \"upper\" is there twice"},
                    BadFile{"ListTwice", "vlans = 1\npoll = 5\nvlans = 2\n", "key \"vlans\" is there twice"},
                    BadFile{"SlashInUpper", "!upper = ../x\nqmp = /x\n", "upper: \"../x\" is not a device name"},
                    BadFile{"NoQmpPath", "!upper = m\nqmp = \"\"\n", "qmp: \"\""},
                    BadFile{"NoNic", "nic = \"\"\n", "nic: \"\""},
                    BadFile{"NotSaidWhether", "shadow = maybe\n", "shadow"}),
    rxf::test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    Lists, BadGuestFile,
    testing::Values(
        BadFile{"BadMac", "mac = 52:54:00\n", "mac: \"52:54:00\""},
        BadFile{"GroupMac", "mac = 01:00:5e:00:00:01\n", "mac: \"01:00:5e:00:00:01\" is a multicast"},
        BadFile{"BadMainMac", "main-mac = none\n", "main-mac: \"none\" does not go here"},
        BadFile{"GroupMainMac", "main-mac = 33:33:00\n", "main-mac: \"33:33:00\" begins multicast"},
        BadFile{"MulticastInUnicast", "unicast = 01:00:5e:00:00:01\n", "unicast: \"01:00:5e:00:00:01\""},
        BadFile{"MulticastOuiInUnicast", "unicast = 01:00:5e\n", "unicast: \"01:00:5e\" begins multicast"},
        BadFile{"ZeroInUnicast", "unicast = 00:00:00:00:00:00\n", "all zero"},
        BadFile{"NoneBesides", "unicast = none,02:00:00\n", "unicast: \"none\" does not go here"},
        BadFile{"FollowedUnicast", "unicast = follow\n", "unicast: \"follow\" does not go here"},
        BadFile{"HalfAnAddress", "unicast = 02:00:00:00\n", "unicast: \"02:00:00:00\" is neither"},
        BadFile{"UnicastInMulticast", "multicast = 02:00:00:00:00:01\n", "multicast: \"02:00:00:00:00:01\""},
        BadFile{"UnicastOuiInMulticast", "multicast = 02:00:00\n", "multicast: \"02:00:00\" begins unicast"},
        BadFile{"BroadcastInMulticast", "multicast = ff:ff:ff:ff:ff:ff\n", "broadcast"},
        BadFile{"AnyMulticast", "multicast = any\n", "multicast: \"any\" does not go here"},
        BadFile{"VlanOutOfRange", "vlans = 4095\n", "vlans: VID 4095"},
        BadFile{"VlansReversed", "vlans = 20-10\n", "vlans: \"20-10\" is reversed"},
        BadFile{"NoVlansBesides", "vlans = 10,none\n", "vlans: \"none\""},
        BadFile{"FollowBesides", "vlans = follow,10\n", "vlans: \"follow\""},
        BadFile{"EmptyUnicast", "unicast = \"\"\n", "unicast"}, BadFile{"EmptyVlans", "vlans = \"\"\n", "vlans"}),
    rxf::test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    Numbers, BadGuestFile,
    testing::Values(BadFile{"NoUnicast", "unicast = any\nunicast-limit = 0\n", "unicast-limit"},
                    BadFile{"TooManyUnicast", "unicast = any\nunicast-limit = 1025\n", "unicast-limit"},
                    BadFile{"NoMulticast", "multicast-limit = 0\n", "multicast-limit"},
                    BadFile{"NegativeLimit", "multicast-limit = -1\n", "multicast-limit"},
                    BadFile{"NoChanges", "changes = 0\n", "changes"},
                    BadFile{"TooManyChanges", "changes = 1001\n", "changes"},
                    BadFile{"NeverPolled", "poll = 0\n", "poll"}, BadFile{"PolledInDays", "poll = 86401\n", "poll"},
                    BadFile{"NoNumber", "poll = soon\n", "poll"}),
    rxf::test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    Combinations, BadGuestFile,
    testing::Values(BadFile{"PromiscMaybe", "promisc = maybe\n", "promisc: \"maybe\" is neither allow nor deny"},
                    BadFile{"AllmultiYes", "allmulti = true\n", "allmulti: \"true\""},
                    BadFile{"LimitOfNothing", "unicast-limit = 3\n", "unicast-limit without addresses"},
                    BadFile{"LimitOfNone", "unicast = none\nunicast-limit = 3\n", "unicast-limit without addresses"},
                    BadFile{"LimitOfAll", "multicast = all\nmulticast-limit = 3\n", "multicast-limit limits nothing"},
                    BadFile{"AllDenied", "multicast = all\nallmulti = deny\n", "multicast all grants"},
                    BadFile{"AllOfAList", "multicast = 01:00:5e\nallmulti = allow\n", "allmulti allow goes with"},
                    BadFile{"AllOfNone", "multicast = none\nallmulti = allow\n", "allmulti allow goes with"},
                    BadFile{"AllBelowALimit", "multicast-limit = 3\nallmulti = allow\n", "allmulti allow goes with"},
                    BadFile{"PolicyWithoutQmp", "!upper = m\nprofile = /dev/null\nvlans = 3\n", "vlans goes with qmp"},
                    BadFile{"NicWithoutQmp", "!upper = m\nprofile = /dev/null\nnic = a\n", "nic goes with qmp"},
                    BadFile{"ProfileThatIsNone", "profile = /dev/null\n", "profile: /dev/null: "}),
    rxf::test::kRowName);

TEST_F(GuestFile, PathThatIsTooLongForASocket) {
  const auto settings = read("upper = m\nqmp = /" + std::string(107, 'x') + "\n");
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().text.find("1 to 107 bytes"), std::string::npos) << settings.error().text;
  EXPECT_TRUE(read("upper = m\nqmp = /" + std::string(106, 'x') + "\n"));
}

TEST_F(GuestFile, ProfileThatIsMissingIsTheKernelsToRefuse) {
  const auto settings = read(std::string(kUsual) + "profile = /nonexistent\n");
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().text.find("guest.conf: profile: /nonexistent: No such file"), std::string::npos)
      << settings.error().text;
}

TEST_F(GuestFile, ThatIsMissingIsNamed) {
  const auto settings = read_guest_file("/nonexistent/a.conf");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error(),
            (Error{.text = "/nonexistent/a.conf: No such file or directory", .code = 0, .exit = Exit::usage}));
}

std::vector<std::string> uppers(const Result<std::vector<GuestSettings>>& guests) {
  std::vector<std::string> names;
  for (const GuestSettings& guest : guests.value()) names.push_back(guest.upper);
  return names;
}

TEST_F(GuestFile, DirectoriesFilesAndFlagsAreCollected) {
  write("b.conf", "upper = b\nqmp = /b\n");
  write("a.conf", "upper = a\nqmp = /a\n");
  write("a.conf.bak", "nonsense");
  const std::string single = write("c.guest", "upper = c\nqmp = /c\n");
  EXPECT_EQ(uppers(collect_guests({single, directory_}, {.upper = "d", .qmp = "/d"})),
            (std::vector<std::string>{"c", "a", "b", "d"}));
  EXPECT_EQ(uppers(collect_guests({directory_}, {})), (std::vector<std::string>{"a", "b"}));
  std::filesystem::create_directory(directory_ + "/empty");
  EXPECT_EQ(uppers(collect_guests({directory_ + "/empty"}, {})), std::vector<std::string>{});
}

TEST_F(GuestFile, OneUpperHasOneGuest) {
  const std::string first = write("a.conf", "upper = a\nqmp = /a\n");
  const std::string second = write("b.conf", "upper = a\nqmp = /b\n");
  const auto guests = collect_guests({directory_}, {});
  ASSERT_FALSE(guests);
  EXPECT_EQ(guests.error().exit, Exit::usage);
  EXPECT_EQ(guests.error().text, second + ": upper a is that of " + first + " too: one guest has one upper");
  const auto flags = collect_guests({first}, {.upper = "a", .qmp = "/c"});
  ASSERT_FALSE(flags);
  EXPECT_TRUE(flags.error().text.starts_with("the command line: upper a")) << flags.error().text;
}

TEST_F(GuestFile, OneSocketHasOneNic) {
  const std::string first = write("a.conf", "upper = a\nqmp = /a\n");
  const std::string second = write("b.conf", "upper = b\nqmp = /a\nnic = net1\n");
  const auto guests = collect_guests({directory_}, {});
  ASSERT_FALSE(guests);
  EXPECT_EQ(guests.error().exit, Exit::usage);
  EXPECT_TRUE(guests.error().text.starts_with(second + ": qmp /a is that of " + first + " too: "))
      << guests.error().text;
}

TEST_F(GuestFile, OneThatIsWrongIsAllWrong) {
  write("a.conf", "upper = a\nqmp = /a\n");
  write("b.conf", "upper = b\n");
  const auto guests = collect_guests({directory_}, {});
  ASSERT_FALSE(guests);
  EXPECT_TRUE(guests.error().text.starts_with(directory_ + "/b.conf: neither")) << guests.error().text;
  EXPECT_FALSE(collect_guests({}, {.qmp = "/c"}));
}

}  // namespace
}  // namespace rxf::guest
