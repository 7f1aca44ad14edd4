// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/guest_command.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <syslog.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "loader/cli/filter_json.h"
#include "tests/unit/guest/guest_values.h"
#include "tools/guest/follow_lock.h"
#include "tools/guest/guest_report.h"

namespace rxf::guest {
namespace {

using cli::Json;
using test::macs;
using test::vlans;

// Runs the command; `run` follows nobody, and notes what it was told.
class GuestCommand : public testing::Test {
 protected:
  GuestCommand() {
    std::string path = "/tmp/rxfilter-guest-XXXXXX";
    directory_ = ::mkdtemp(path.data());
  }
  ~GuestCommand() override { std::filesystem::remove_all(directory_); }

  int run(std::vector<std::string> arguments) {
    std::vector<const char*> raw = {"rxfilter-guest"};
    for (const std::string& argument : arguments) raw.push_back(argument.c_str());
    const int count = static_cast<int>(raw.size());
    raw.push_back(nullptr);
    out_.str("");
    err_.str("");
    followed_.reset();
    return run_guest_command(count, raw.data(), out_, err_, [this](const FollowOptions& options) -> Result<void> {
      followed_ = options;
      if (while_following_) while_following_(options);
      return {};
    });
  }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }

  [[nodiscard]] std::string out() const { return out_.str(); }
  [[nodiscard]] std::string err() const { return err_.str(); }

  std::string directory_;
  std::optional<FollowOptions> followed_;
  std::function<void(const FollowOptions&)> while_following_;

 private:
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(GuestCommand, HelpAndVersionAreAnswers) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_NE(out().find("judge"), std::string::npos);
  EXPECT_EQ(run({"run", "--help"}), 0);
  EXPECT_NE(out().find("--main-mac fixed|any|MAC,..."), std::string::npos) << out();
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_TRUE(out().starts_with("rxfilter-guest ")) << out();
  EXPECT_EQ(err(), "");
}

struct UsageRow {
  const char* name;
  std::vector<std::string> arguments;
  const char* words;
};
void PrintTo(const UsageRow& row, std::ostream* out) { *out << row.name; }

class BadGuestCommand : public GuestCommand, public testing::WithParamInterface<UsageRow> {};

TEST_P(BadGuestCommand, IsExitStatus2AndOneLine) {
  EXPECT_EQ(run(GetParam().arguments), 2);
  EXPECT_EQ(out(), "");
  EXPECT_TRUE(err().starts_with("rxfilter-guest: ")) << err();
  EXPECT_NE(err().find(GetParam().words), std::string::npos) << err();
  EXPECT_EQ(std::ranges::count(err(), '\n'), 1) << err();
  EXPECT_FALSE(followed_);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, BadGuestCommand,
    testing::Values(
        UsageRow{"Nothing", {}, "a verb is missing: run, status, check or judge; see rxfilter-guest --help"},
        UsageRow{"UnknownVerb", {"follow"}, "unknown verb \"follow\""},
        UsageRow{"UnknownOption", {"run", "--uper", "m"}, "run: unknown option \"--uper\""},
        UsageRow{"NoGuest", {"run"}, "run: no guest to follow: name a file or a directory"},
        UsageRow{"NoUpper", {"run", "--poll", "5"}, "upper is missing"},
        UsageRow{"NoSource", {"run", "--upper", "m"}, "neither qmp nor profile"},
        UsageRow{"Twice", {"run", "--upper", "a", "--upper", "b"}, "--upper is given more than once"},
        UsageRow{"MissingFile", {"run", "/nonexistent"}, "/nonexistent: No such file or directory"},
        UsageRow{"EmptyValue", {"run", "--upper="}, "\"--upper\" needs a value"},
        UsageRow{"FlagValue", {"run", "--shadow=maybe"}, "--shadow"},
        UsageRow{"NoStateDirectory", {"status", "--state", ""}, "--state \"\": give a directory"},
        UsageRow{"UpperThatIsAPath", {"status", "../x"}, "\"../x\" is not a device name"},
        UsageRow{"CheckNothing", {"check"}, "FILE"}, UsageRow{"JudgeNothing", {"judge", "/dev/null"}, "--answer"}),
    rxf::test::kRowName);

TEST_F(GuestCommand, RunTakesAGuestAsFlags) {
  EXPECT_EQ(run({"run",
                 "--upper",
                 "macvtap0",
                 "--qmp",
                 "/run/a.qmp",
                 "--nic",
                 "net0",
                 "--mac",
                 "52:54:00:12:34:56",
                 "--main-mac",
                 "any",
                 "--unicast",
                 "02:00:00",
                 "--unicast",
                 "02:00:01:00:00:01",
                 "--unicast-limit",
                 "9",
                 "--multicast",
                 "01:00:5e,33:33:00",
                 "--multicast-limit",
                 "8",
                 "--vlans",
                 "10,20-29",
                 "--promisc",
                 "allow",
                 "--allmulti",
                 "deny",
                 "--changes",
                 "5",
                 "--poll",
                 "6",
                 "--shadow",
                 "--api",
                 "/x/api.sock",
                 "--state",
                 "/x/state"}),
            0)
      << err();
  const GuestSettings expected{.upper = "macvtap0",
                               .qmp = "/run/a.qmp",
                               .nic = "net0",
                               .mac = test::mac("52:54:00:12:34:56"),
                               .policy = {.main_mac = test::any_address(),
                                          .unicast = test::only({"02:00:00", "02:00:01:00:00:01"}, 9),
                                          .multicast = test::only({"01:00:5e", "33:33:00"}, 8),
                                          .vlans = vlans("10,20-29"),
                                          .promisc = true,
                                          .allmulti = false},
                               .shadow = true,
                               .changes = 5,
                               .poll = 6};
  EXPECT_EQ(followed_->guests, std::vector<GuestSettings>{expected});
  EXPECT_EQ(followed_->api, "/x/api.sock");
  EXPECT_EQ(followed_->state_directory, "/x/state");
}

TEST_F(GuestCommand, RunReadsItsFilesAgainWhenAsked) {
  const std::string file = write("a.conf", "upper = a\nqmp = /a\n");
  Result<std::vector<GuestSettings>> again;
  Result<std::vector<GuestSettings>> broken;
  while_following_ = [&](const FollowOptions& options) {
    write("a.conf", "upper = a\nqmp = /a\npoll = 7\n");
    again = options.reload();
    write("a.conf", "upper = a\n");
    broken = options.reload();
  };
  EXPECT_EQ(run({"run", directory_}), 0) << err();
  EXPECT_EQ(followed_->guests.front().poll, 30U);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->front().poll, 7U);
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().text.starts_with(file)) << broken.error().text;
}

TEST_F(GuestCommand, RunLogsWhatMattersAndTheRestWhenVerbose) {
  ::unsetenv("JOURNAL_STREAM");
  while_following_ = [](const FollowOptions& options) {
    options.log(LOG_NOTICE, "a: \033refused");
    options.log(LOG_INFO, "a: asked");
  };
  const std::vector<std::string> arguments = {"run", "--upper", "a", "--qmp", "/a"};
  EXPECT_EQ(run(arguments), 0);
  EXPECT_EQ(err(), "rxfilter-guest: a: ?refused\n");
  ::setenv("JOURNAL_STREAM", "8:1", 1);
  EXPECT_EQ(run({"-v", "run", "--upper", "a", "--qmp", "/a"}), 0);
  ::unsetenv("JOURNAL_STREAM");
  EXPECT_EQ(err(), "<5>a: ?refused\n<6>a: asked\n");
}

TEST_F(GuestCommand, StateDirectoryIsSystemdsWhereThereIsOne) {
  ::unsetenv("RUNTIME_DIRECTORY");
  const std::vector<std::string> arguments = {"run", "--upper", "a", "--qmp", "/a"};
  EXPECT_EQ(run(arguments), 0);
  EXPECT_EQ(followed_->state_directory, "/run/rxfilter-guest");
  ::setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
  EXPECT_EQ(run(arguments), 0);
  ::unsetenv("RUNTIME_DIRECTORY");
  EXPECT_EQ(followed_->state_directory, "/run/one");
}

GuestReport report_of(const std::string& upper) {
  GuestReport report{
      .upper = upper,
      .qmp = "/run/vm/a.qmp",
      .nic = "net0",
      .state = "following",
      .granted = {.addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true},
                                             .unicast = macs({"02:00:00:00:00:01"}),
                                             .multicast = macs({"01:00:5e:00:00:01", "33:33:00:00:00:01"})},
                  .vlans = vlans("42,100-109")},
      .refusals = {{RefusalKind::vlan, "VLAN 7", "not in the list of the policy"}}};
  report.counters = {.events = 1, .queries = 3, .changes = 2, .refused = {{RefusalKind::vlan, 4}}};
  return report;
}

TEST_F(GuestCommand, StatusIsABlockForEachUpper) {
  const auto lock = FollowLock::take(directory_, "macvtap0");
  ASSERT_TRUE(write_report(directory_, report_of("macvtap0")));
  GuestReport second{.upper = "lo",
                     .qmp = "/run/vm/b.qmp",
                     .state = "connecting",
                     .why = "/run/vm/b.qmp: Connection refused",
                     .shadow = true};
  second.counters = {.delayed = 1, .garbage = 2, .failures = 3};
  ASSERT_TRUE(write_report(directory_, second));
  EXPECT_EQ(run({"status", "--state", directory_}), 0);
  EXPECT_EQ(out(),
            "lo: connecting  /run/vm/b.qmp\n"
            "  unfiltered\n"
            "  shadow: judged and counted, not programmed\n"
            "  0 events, 0 queries, 0 resets, 0 changes, 1 query put off, 3 filter sets not taken, 2 answers not "
            "understood\n"
            "  ! /run/vm/b.qmp: Connection refused\n"
            "  ! no process follows it any more: the filter set stays as it was\n"
            "macvtap0: following  net0 at /run/vm/a.qmp\n"
            "  1 unicast  2 multicast  vlans 42,100-109  flags broadcast,multicast\n"
            "  1 event, 3 queries, 0 resets, 2 changes\n"
            "  refused since the start: 4 vlan\n"
            "  - vlan VLAN 7 refused: not in the list of the policy\n");
  EXPECT_EQ(err(), "");
}

TEST_F(GuestCommand, StatusOfOneIsAnObjectAndOfAllAList) {
  ASSERT_TRUE(write_report(directory_, report_of("lo")));
  EXPECT_EQ(run({"status", "-j", "--state", directory_}), 0);
  Json expected = to_json(report_of("lo"));
  expected["followed"] = false;
  EXPECT_EQ(Json::parse(out()), Json::array({expected}));
  EXPECT_EQ(run({"status", "lo", "-jp", "--state", directory_}), 0);
  EXPECT_EQ(Json::parse(out()), expected);
  EXPECT_NE(out().find("\n    \"upper\""), std::string::npos) << out();
  EXPECT_EQ(run({"status", "macvtap9", "-j", "--state", directory_}), 3);
  EXPECT_EQ(out(), "");
  EXPECT_EQ(err(),
            "rxfilter-guest: macvtap9: no rxfilter-guest run has followed it (no report in " + directory_ + ")\n");
}

TEST_F(GuestCommand, StatusLeavesOutGuestsThatEndedWithTheirDevices) {
  ASSERT_TRUE(write_report(directory_, report_of("gone0")));
  EXPECT_EQ(run({"status", "--state", directory_}), 0);
  EXPECT_EQ(out(), "no guest is followed\n");
  EXPECT_EQ(run({"status", "gone0", "--state", directory_}), 0);
  EXPECT_TRUE(out().starts_with("gone0: following")) << out();
  const auto lock = FollowLock::take(directory_, "gone0");
  EXPECT_EQ(run({"status", "--state", directory_}), 0);
  EXPECT_TRUE(out().starts_with("gone0: following")) << out();
}

TEST_F(GuestCommand, StatusOfNobody) {
  EXPECT_EQ(run({"status", "--state", directory_ + "/none"}), 0);
  EXPECT_EQ(out(), "no guest is followed\n");
  EXPECT_EQ(run({"status", "-j", "--state", directory_ + "/none"}), 0);
  EXPECT_EQ(out(), "[]\n");
}

TEST_F(GuestCommand, StatusShowsTheOthersWhereOneReportIsUnreadable) {
  ASSERT_TRUE(write_report(directory_, report_of("lo")));
  write("macvtap1.json", "{");
  write("macvtap2.json", "");
  EXPECT_EQ(run({"status", "-j", "--state", directory_}), 1);
  EXPECT_EQ(Json::parse(out()).size(), 1U);
  EXPECT_EQ(std::ranges::count(err(), '\n'), 2) << err();
}

TEST_F(GuestCommand, StatusHasOnlySoManyRefusalsAndNoControlCharacters) {
  GuestReport report = report_of("lo");
  report.state = "follow\ning";
  for (int i = 0; i < 20; ++i) report.refusals.push_back({RefusalKind::unicast, std::to_string(i), "\033[J"});
  report.more_refusals = 100;
  ASSERT_TRUE(write_report(directory_, report));
  EXPECT_EQ(run({"status", "--state", directory_}), 0);
  EXPECT_NE(out().find("follow?ing"), std::string::npos);
  EXPECT_EQ(out().find('\033'), std::string::npos);
  EXPECT_NE(out().find("  - and 111 more refused\n"), std::string::npos) << out();
}

TEST_F(GuestCommand, CheckSaysHowItUnderstoodTheFile) {
  const std::string profile = write("p.json", R"({"vlans":"7"})");
  const std::string full =
      write("a.conf",
            "upper = a\nqmp = /a\nnic = net0\nmac = 52:54:00:12:34:56\nmain-mac = 02:00:00\n"
            "unicast = any\nunicast-limit = 4\nmulticast = 01:00:5e\nvlans = none\npromisc = allow\n"
            "shadow = true\nprofile = " +
                profile + "\n");
  EXPECT_EQ(run({"check", full}), 0) << err();
  EXPECT_EQ(out(),
            "a: follows net0 at /a\n"
            "  main-mac 02:00:00  (52:54:00:12:34:56)\n"
            "  unicast any, at most 4\n"
            "  multicast 01:00:5e\n"
            "  vlans none\n"
            "  promisc allow  allmulti deny\n"
            "  changes 10 a second  poll 30 s\n"
            "  profile  any address  vlans 7\n"
            "  shadow: judged and counted, not programmed\n");
  EXPECT_EQ(run({"check", write("b.conf", "upper = b\nprofile = " + profile + "\n")}), 0) << err();
  EXPECT_EQ(out(), "b: has its profile\n  profile  any address  vlans 7\n");
}

TEST_F(GuestCommand, CheckInJsonHasTheKeysOfTheFile) {
  const std::string file = write("a.conf", "upper = a\nqmp = /a\n");
  EXPECT_EQ(run({"check", "-j", file}), 0);
  EXPECT_EQ(
      out(),
      R"([{"upper":"a","qmp":"/a","nic":null,"mac":null,"main-mac":"fixed","unicast":"none","unicast-limit":1024,)"
      R"("multicast":"follow","multicast-limit":1024,"vlans":"follow","promisc":"deny","allmulti":"allow",)"
      R"("changes":10,"poll":30,"profile":null,"shadow":false}])"
      "\n");
  EXPECT_EQ(run({"check", write("b.conf", "upper = b\nqmp = /b\nmulticast = all\n"), "-j"}), 0);
  EXPECT_EQ(Json::parse(out())[0]["multicast"], "all");
  EXPECT_EQ(Json::parse(out())[0]["allmulti"], "allow");
}

TEST_F(GuestCommand, CheckOfAWrongFileIsStatus2) {
  EXPECT_EQ(run({"check", write("a.conf", "upper = a\n")}), 2);
  EXPECT_EQ(out(), "");
  EXPECT_TRUE(err().starts_with("rxfilter-guest: " + directory_ + "/a.conf: neither qmp nor profile")) << err();
}

// One entry of what query-rx-filter returns.
Json entry(const std::string& name, const std::string& vlan_table) {
  return Json::parse(R"({"name":")" + name +
                     R"(","promiscuous":false,"main-mac":"52:54:00:12:34:56","unicast":"normal","multicast":"normal",)"
                     R"("vlan":"normal","broadcast-allowed":false,"unicast-overflow":false,"multicast-overflow":false,)"
                     R"("unicast-table":["02:00:00:00:00:01"],"multicast-table":["01:00:5e:00:00:01"],)"
                     R"("vlan-table":)" +
                     vlan_table + "}");
}

TEST_F(GuestCommand, JudgeSaysWhatWouldBeGranted) {
  const std::string file = write("a.conf", "upper = a\nqmp = /a\nvlans = 10,20-29\n");
  const std::string answer = write("q.json", Json::array({entry("net0", "[0,10,42]")}).dump(2));
  EXPECT_EQ(run({"judge", file, "--answer", answer, "--spoken"}), 0) << err();
  EXPECT_EQ(out(),
            "a: flags broadcast,multicast  vlans 10\n"
            "  unicast 52:54:00:12:34:56\n"
            "  multicast 01:00:5e:00:00:01\n"
            "  - unicast 02:00:00:00:00:01 refused: not in the list of the policy\n"
            "  - vlan VLAN 42 refused: not in the list of the policy\n");
  EXPECT_EQ(run({"judge", file, "--answer", answer, "-j"}), 0) << err();
  EXPECT_EQ(Json::parse(out())["silent"], false);
  EXPECT_EQ(Json::parse(out())["granted"]["vlans"], "10");
  EXPECT_EQ(Json::parse(out())["refusals"].size(), 2U);
}

TEST_F(GuestCommand, JudgeOfAPowerOnStateIsSilent) {
  Json state = entry("net0", "[0]");
  state["promiscuous"] = true;
  state["vlan"] = "none";
  state["unicast-table"] = state["multicast-table"] = state["vlan-table"] = Json::array();
  const std::string answer = write("q.json", Json({{"return", {state}}}).dump());
  EXPECT_EQ(run({"judge", write("a.conf", "upper = a\nqmp = /a\n"), "--answer", answer}), 0) << err();
  EXPECT_EQ(out(),
            "a: flags broadcast,multicast,allmulti  vlans none\n"
            "  unicast 52:54:00:12:34:56\n"
            "  silent: its driver has not spoken since the last reset\n");
  EXPECT_EQ(run({"judge", directory_ + "/a.conf", "--answer", answer, "--spoken"}), 0) << err();
  EXPECT_EQ(out(),
            "a: flags broadcast,multicast,allmulti  vlans none\n"
            "  unicast 52:54:00:12:34:56\n"
            "  - promisc promiscuous refused: the policy denies promiscuous mode\n");
}

TEST_F(GuestCommand, JudgeKnowsWhatTheNicCannotTell) {
  Json state = entry("net0", "[0]");
  state["vlan"] = "all";
  const std::string answer = write("q.json", Json::array({state}).dump());
  const std::string file = write("a.conf", "upper = a\nqmp = /a\n");
  EXPECT_EQ(run({"judge", file, "--answer", answer, "--spoken", "--no-ctrl-vlan", "--no-ctrl-rx"}), 0) << err();
  EXPECT_TRUE(out().starts_with("a: flags broadcast,multicast,allmulti  any VLAN\n")) << out();
}

TEST_F(GuestCommand, JudgeTakesTheNicOfTheFile) {
  const std::string answer = write("q.json", Json::array({entry("net0", "[1]"), entry("net1", "[2]")}).dump());
  EXPECT_EQ(run({"judge", write("a.conf", "upper = a\nqmp = /a\nnic = net1\n"), "--answer", answer}), 0) << err();
  EXPECT_TRUE(out().starts_with("a: flags broadcast,multicast  vlans 2\n")) << out();
  EXPECT_EQ(run({"judge", write("a.conf", "upper = a\nqmp = /a\n"), "--answer", answer}), 2);
  EXPECT_NE(err().find("it is about 2 NICs: name the one"), std::string::npos) << err();
  EXPECT_EQ(run({"judge", write("a.conf", "upper = a\nqmp = /a\nnic = net7\n"), "--answer", answer}), 2);
  EXPECT_NE(err().find("not about the NIC \"net7\""), std::string::npos) << err();
}

TEST_F(GuestCommand, JudgeOfABadAnswerNamesItsFile) {
  const std::string file = write("a.conf", "upper = a\nqmp = /a\n");
  for (const std::string text : {"", "{", "7", "{\"return\":{}}", "[7]", "[{}]", "{\"error\":{}}"}) {
    const std::string answer = write("q.json", text);
    EXPECT_EQ(run({"judge", file, "--answer", answer}), 2) << text;
    EXPECT_TRUE(err().starts_with("rxfilter-guest: " + answer + ": ")) << err();
  }
  EXPECT_EQ(run({"judge", file, "--answer", "/nonexistent"}), 1);
}

// The flags of a help text; of the program's own without those of its verbs.
std::set<std::string> flags_in(const std::string& help) {
  std::set<std::string> flags;
  const std::regex flag("(^|\\n|,| ) ?(--[a-z][a-z-]*)");
  for (std::sregex_iterator at(help.begin(), help.end(), flag); at != std::sregex_iterator(); ++at)
    flags.insert((*at)[2].str());
  return flags;
}

std::string file_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST_F(GuestCommand, EveryFlagIsInTheManualAndCompleted) {
  const std::string completion = file_text(RXF_SOURCE "/tools/completion/rxfilter-guest.bash");
  std::string manual = file_text(RXF_SOURCE "/docs/rxfilter-guest.8");
  ASSERT_FALSE(completion.empty() || manual.empty());
  manual = std::regex_replace(manual, std::regex("\\\\-"), "-");
  for (const char* verb : {"", "run", "status", "check", "judge"}) {
    EXPECT_EQ(run(*verb == '\0' ? std::vector<std::string>{"--help"} : std::vector<std::string>{verb, "--help"}), 0);
    const std::set<std::string> flags = flags_in(out());
    EXPECT_TRUE(flags.contains("--help"));
    for (const std::string& flag : flags) {
      EXPECT_TRUE(std::regex_search(completion, std::regex(flag + "[ ')|\"]"))) << flag;
      EXPECT_TRUE(std::regex_search(manual, std::regex(flag + "[ \\n\"]"))) << flag;
    }
    EXPECT_NE(completion.find(verb), std::string::npos);
    EXPECT_TRUE(*verb == '\0' || manual.find(std::string("\n.SS ") + verb) != std::string::npos) << verb;
  }
}

}  // namespace
}  // namespace rxf::guest
