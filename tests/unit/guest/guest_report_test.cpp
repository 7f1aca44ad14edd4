// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/guest_report.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/guest/guest_values.h"
#include "tools/guest/follow_lock.h"

namespace rxf::guest {
namespace {

using cli::Json;
using test::macs;
using test::vlans;

GuestReport full_report() {
  GuestReport report{.upper = "macvtap0",
                     .qmp = "/run/vm/a.qmp",
                     .nic = "net0",
                     .state = "following",
                     .why = "a \"reason\"\n",
                     .shadow = true,
                     .granted = {.addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true},
                                                            .unicast = macs({"02:00:00:00:00:01"}),
                                                            .multicast = macs({"01:00:5e:00:00:01"})},
                                 .vlans = vlans("42")},
                     .refusals = {{RefusalKind::unicast, "02:00:00:00:00:02", "eth2 has it"},
                                  {RefusalKind::vlan, "VLAN 7", "not in the list of the policy"}},
                     .more_refusals = 9};
  report.counters = {.events = 1,
                     .queries = 2,
                     .resets = 3,
                     .changes = 4,
                     .delayed = 5,
                     .connections = 6,
                     .garbage = 7,
                     .failures = 8,
                     .refused = {{RefusalKind::main_mac, 9}, {RefusalKind::allmulti, 10}}};
  return report;
}

TEST(GuestReport, ComesBackAsItWas) {
  for (const GuestReport& report : {GuestReport{.upper = "m"}, full_report()})
    EXPECT_EQ(parse_report(to_json(report).dump(), "x"), report);
}

TEST(GuestReport, HasTheNamesOfTheManual) {
  EXPECT_EQ(to_json(full_report()).dump(),
            R"({"upper":"macvtap0","qmp":"/run/vm/a.qmp","nic":"net0","state":"following","why":"a \"reason\"\n",)"
            R"("shadow":true,"granted":{"flags":["broadcast","multicast"],"unicast":["02:00:00:00:00:01"],)"
            R"("multicast":["01:00:5e:00:00:01"],"vlans":"42"},)"
            R"("refusals":[{"kind":"unicast","what":"02:00:00:00:00:02","why":"eth2 has it"},)"
            R"({"kind":"vlan","what":"VLAN 7","why":"not in the list of the policy"}],"more_refusals":9,)"
            R"("counters":{"events":1,"queries":2,"resets":3,"changes":4,"delayed":5,"connections":6,"garbage":7,)"
            R"("failures":8,"refused":{"main-mac":9,"unicast":0,"multicast":0,"vlan":0,"promisc":0,"allmulti":10}}})");
}

TEST(GuestReport, HasOnlySoManyRefusals) {
  GuestReport report{.upper = "m", .more_refusals = 1};
  for (int i = 0; i < 1000; ++i) report.refusals.push_back({RefusalKind::unicast, std::to_string(i), "x"});
  const auto parsed = parse_report(to_json(report).dump(), "x");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->refusals.size(), GuestReport::kMaxRefusals);
  EXPECT_EQ(parsed->refusals.back().what, "255");
  EXPECT_EQ(parsed->more_refusals, 745U);
}

TEST(GuestReport, EveryMemberIsNeeded) {
  const Json whole = to_json(full_report());
  for (const auto& [name, value] : whole.items()) {
    for (const Json& wrong : {Json(), Json(-1), Json::array({1}), Json("word"), Json({{"a", 1}})}) {
      Json broken = whole;
      broken[name] = wrong;
      if (wrong.type() == value.type() && value.is_string()) continue;
      const auto parsed = parse_report(broken.dump(), "file");
      ASSERT_FALSE(parsed) << broken.dump();
      EXPECT_TRUE(parsed.error().text.starts_with("file: ")) << parsed.error().text;
    }
    Json broken = whole;
    broken.erase(name);
    EXPECT_FALSE(parse_report(broken.dump(), "file")) << name;
  }
  for (const auto& [name, value] : whole["counters"].items()) {
    Json broken = whole;
    broken["counters"].erase(name);
    EXPECT_FALSE(parse_report(broken.dump(), "file")) << name;
  }
}

TEST(GuestReport, OtherTextIsAnError) {
  const std::string whole = to_json(full_report()).dump();
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse_report(whole.substr(0, length), "file")) << length;
  for (const char* text : {"[]", "null", "7", "{}", "\"x\"", "{\"upper\":\"m\"}"})
    EXPECT_FALSE(parse_report(text, "f"));
  EXPECT_FALSE(parse_report(std::string(100'000, '['), "file"));
}

class ReportFiles : public testing::Test {
 protected:
  ReportFiles() {
    std::string path = "/tmp/rxfilter-report-XXXXXX";
    directory_ = ::mkdtemp(path.data());
  }
  ~ReportFiles() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }

  std::string directory_;
};

TEST_F(ReportFiles, AreReadByUpper) {
  const GuestReport second{.upper = "macvtap1", .state = "silent"};
  ASSERT_TRUE(write_report(directory_, second));
  ASSERT_TRUE(write_report(directory_, full_report()));
  const auto found = read_reports(directory_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->reports, (std::vector<FoundReport>{{full_report(), false}, {second, false}}));
  EXPECT_TRUE(found->unreadable.empty());
  EXPECT_EQ(read_report(directory_, "macvtap1"), (FoundReport{second, false}));
}

TEST_F(ReportFiles, AreReplacedWholeAndReadableForAll) {
  const ::mode_t before = ::umask(0077);
  ASSERT_TRUE(write_report(directory_, full_report()));
  const std::string path = directory_ + "/macvtap0.json";
  std::ifstream opened(path);
  ASSERT_TRUE(write_report(directory_, {.upper = "macvtap0", .state = "silent"}));
  ::umask(before);
  std::ostringstream old;
  old << opened.rdbuf();
  EXPECT_EQ(old.str(), to_json(full_report()).dump() + "\n");
  EXPECT_EQ(names(), std::vector<std::string>{"macvtap0.json"});
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0644));
  EXPECT_EQ(read_report(directory_, "macvtap0")->report.state, "silent");
}

TEST_F(ReportFiles, AreJsonWhateverNamesHold) {
  GuestReport report = full_report();
  report.refusals.front().why = "eth\xff has it";
  ASSERT_TRUE(write_report(directory_, report));
  EXPECT_EQ(read_report(directory_, "macvtap0")->report.refusals.front().why, "eth\xef\xbf\xbd has it");
}

TEST_F(ReportFiles, AreRemoved) {
  ASSERT_TRUE(write_report(directory_, full_report()));
  remove_report(directory_, "macvtap0");
  remove_report(directory_, "macvtap1");
  EXPECT_TRUE(names().empty());
}

TEST_F(ReportFiles, OfADirectoryThatIsNotThereAreNone) {
  const auto found = read_reports(directory_ + "/none");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->reports.empty() && found->unreadable.empty());
  const auto one = read_report(directory_, "macvtap9");
  ASSERT_FALSE(one);
  EXPECT_EQ(one.error().exit, Exit::not_attached);
  const auto written = write_report(directory_ + "/none", full_report());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ENOENT);
  std::ofstream(directory_ + "/file") << "x";
  EXPECT_FALSE(read_reports(directory_ + "/file"));
}

// Whoever may write there may put anything there.
TEST_F(ReportFiles, HostileOnesHoldNobodyUp) {
  ASSERT_TRUE(write_report(directory_, full_report()));
  ASSERT_EQ(::mkfifo((directory_ + "/fifo.json").c_str(), 0666), 0);
  std::filesystem::create_symlink("/dev/zero", directory_ + "/link.json");
  std::filesystem::create_symlink(directory_ + "/macvtap0.json", directory_ + "/second.json");
  std::filesystem::create_directory(directory_ + "/directory.json");
  std::filesystem::copy_file(directory_ + "/macvtap0.json", directory_ + "/other.json");
  std::ofstream(directory_ + "/empty.json");
  std::ofstream(directory_ + "/large.json") << to_json({.upper = "large"}).dump() + std::string(1 << 20, ' ');
  std::filesystem::create_directory(directory_ + "/elsewhere");
  ASSERT_TRUE(write_report(directory_ + "/elsewhere", {.upper = "linked"}));
  std::filesystem::create_symlink(directory_ + "/elsewhere/linked.json", directory_ + "/linked.json");
  std::ofstream(directory_ + "/notes.txt") << "no report";
  const auto found = read_reports(directory_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->reports.size(), 1U);
  EXPECT_EQ(found->unreadable.size(), 8U);
  for (const Error& error : found->unreadable) {
    EXPECT_TRUE(error.text.starts_with(directory_)) << error.text;
    EXPECT_EQ(error.exit, Exit::refused) << error.text;
  }
}

TEST_F(ReportFiles, TellWhetherSomebodyIsBehindThem) {
  ASSERT_TRUE(write_report(directory_, full_report()));
  {
    const auto lock = FollowLock::take(directory_, "macvtap0");
    ASSERT_TRUE(lock);
    EXPECT_EQ(read_report(directory_, "macvtap0")->followed, true);
    EXPECT_EQ(read_reports(directory_)->reports.front().followed, true);
    EXPECT_EQ(is_followed(directory_, "macvtap1"), false);
    const auto second = FollowLock::take(directory_, "macvtap0");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EBUSY);
    EXPECT_TRUE(FollowLock::take(directory_, "macvtap1"));
  }
  EXPECT_EQ(read_report(directory_, "macvtap0")->followed, false);
  EXPECT_TRUE(FollowLock::take(directory_, "macvtap0"));
}

TEST_F(ReportFiles, LockEndsWithItsProcess) {
  const int child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = FollowLock::take(directory_, "macvtap0");
    ::_exit(lock && !FollowLock::take(directory_, "macvtap0") ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(is_followed(directory_, "macvtap0"), false);
  EXPECT_TRUE(FollowLock::take(directory_, "macvtap0"));
}

// Who can open a file can lock it.
TEST_F(ReportFiles, LockIsForItsOwnerAlone) {
  ASSERT_TRUE(FollowLock::take(directory_, "macvtap0"));
  EXPECT_EQ(std::filesystem::status(directory_ + "/macvtap0.lock").permissions(), std::filesystem::perms(0600));
  if (::geteuid() != 0) GTEST_SKIP() << "another user is needed";
  std::filesystem::permissions(directory_, std::filesystem::perms(0755));
  ASSERT_EQ(::seteuid(65534), 0);
  const auto followed = is_followed(directory_, "macvtap0");
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(followed, std::nullopt);
}

TEST_F(ReportFiles, LockIsNoLinkToSomethingElse) {
  std::filesystem::create_symlink("/dev/null", directory_ + "/macvtap0.lock");
  EXPECT_FALSE(FollowLock::take(directory_, "macvtap0"));
  EXPECT_FALSE(FollowLock::take(directory_ + "/none", "macvtap0"));
}

}  // namespace
}  // namespace rxf::guest
