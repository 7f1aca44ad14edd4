// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/command_line.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

namespace rxf::cli {
namespace {

// Runs the command on operations that note what they are called with, as one line each in `calls`.
class CommandLine : public testing::Test {
 protected:
  void SetUp() override {
    operations_.enter_netns = [this](const std::string& name) -> Result<void> {
      calls_.push_back("netns " + name);
      return {};
    };
    operations_.attach = [this](const mirror::Context& context, const std::string& device,
                                const mirror::AttachOptions& options) -> Result<mirror::AttachResult> {
      calls_.push_back("attach " + device);
      context_ = context;
      attach_options_ = options;
      if (device == failing_) return std::unexpected(failure_);
      return mirror::AttachResult{.status = {.device = device,
                                             .reason = "test",
                                             .pin_directory = "/p",
                                             .shadow = shadow_,
                                             .confirm = unconfirmed_},
                                  .report = report_,
                                  .confirmed = confirmed_};
    };
    operations_.watch = [this](const mirror::Context& /*context*/, const std::string& device,
                               std::uint64_t confirm_by) -> Result<std::function<void()>> {
      calls_.push_back("watch " + device);
      watched_ = confirm_by;
      if (device == "alone0") return system_error(EAGAIN, "start a process");
      return [this] { calls_.push_back("end watcher"); };
    };
    operations_.detach = [this](const mirror::Context& /*context*/,
                                const std::string& device) -> Result<mirror::Report> {
      calls_.push_back("detach " + device);
      if (device == failing_) return std::unexpected(failure_);
      return report_;
    };
    operations_.attached_devices = [this](const mirror::Context& /*context*/) { return attached_; };
    operations_.remains = [this](const mirror::Context& /*context*/) { return remains_; };
    operations_.orphaned = [this](const mirror::Context& /*context*/) { return orphaned_; };
    operations_.orphaned_device = [this](const mirror::Context& /*context*/,
                                         const std::string& device) -> Result<std::optional<mirror::Orphaned>> {
      for (const mirror::Orphaned& one : orphaned_)
        if (one.device == device) return one;
      return std::nullopt;
    };
    operations_.remove_all_orphans = [this](const mirror::Context& /*context*/) -> Result<mirror::Report> {
      calls_.push_back("remove orphans");
      return mirror::Report{.changed = false};
    };
    operations_.remove_remains = [this](const std::string& pin_directory) -> Result<mirror::Report> {
      calls_.push_back("remove " + pin_directory);
      return mirror::Report{.notes = {"removed"}};
    };
    operations_.set = [this](const mirror::Context& /*context*/, const std::string& api, const std::string& upper,
                             const FilterEdit& edit) -> Result<daemon::SetAnswer> {
      api_ = api;
      calls_.push_back("set " + upper);
      edit_ = edit;
      if (upper == failing_) return std::unexpected(failure_);
      return daemon::SetAnswer{.filter = filter_, .report = report_, .route = route_};
    };
    operations_.get = [this](const mirror::Context& /*context*/, const std::string& api,
                             const std::string& upper) -> Result<daemon::GetAnswer> {
      api_ = api;
      calls_.push_back("get " + upper);
      return daemon::GetAnswer{.filter = filter_, .route = route_};
    };
    operations_.clear = [this](const mirror::Context& /*context*/, const std::string& api,
                               const std::string& upper) -> Result<daemon::SetAnswer> {
      api_ = api;
      calls_.push_back("clear " + upper);
      return daemon::SetAnswer{.report = report_, .route = route_};
    };
    operations_.status = [this](const mirror::Context& /*context*/,
                                const std::string& device) -> Result<mirror::LowerdevStatus> {
      calls_.push_back("status " + device);
      if (device == failing_) return std::unexpected(failure_);
      return mirror::LowerdevStatus{.device = device, .reason = "test"};
    };
  }

  // The BPF file system is a directory that every machine has.
  int run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"rxfilter-loader", "--bpffs", "/"});
    return run_plain(std::move(arguments));
  }

  int run_plain(std::vector<const char*> arguments) {
    out_.str("");
    err_.str("");
    calls_.clear();
    const int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    return run_command_line(count, arguments.data(), out_, err_, operations_);
  }

  [[nodiscard]] std::string out() const { return out_.str(); }
  [[nodiscard]] std::string err() const { return err_.str(); }

  using Calls = std::vector<std::string>;

  Operations operations_;
  Calls calls_;
  mirror::Context context_;
  mirror::AttachOptions attach_options_;
  mirror::Report report_;
  bool shadow_ = false;
  bool confirmed_ = false;
  std::optional<mirror::Unconfirmed> unconfirmed_;
  std::uint64_t watched_ = 0;
  FilterSet filter_;
  FilterEdit edit_;
  std::string api_;
  daemon::Route route_ = daemon::Route::in_process;
  Result<std::vector<std::string>> attached_;
  Result<std::vector<mirror::Remains>> remains_;
  std::vector<mirror::Orphaned> orphaned_;
  std::string failing_ = "bad0";
  Error failure_{"bad0: not attached", 0, Exit::not_attached};

 private:
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CommandLine, HelpAndVersionAreAnswers) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_NE(out().find("attach"), std::string::npos);
  EXPECT_EQ(run({"set", "--help"}), 0);
  EXPECT_NE(out().find("--unicast MAC,...|none"), std::string::npos) << out();
  EXPECT_EQ(run({"-h"}), 0);
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_TRUE(out().starts_with("rxfilter-loader ")) << out();
  EXPECT_EQ(err(), "");
  EXPECT_TRUE(calls_.empty());
}

struct UsageRow {
  const char* name;
  std::vector<const char*> arguments;
  const char* words;
};

void PrintTo(const UsageRow& row, std::ostream* out) { *out << row.name; }

class BadCommandLine : public CommandLine, public testing::WithParamInterface<UsageRow> {};

TEST_P(BadCommandLine, IsExitStatus2AndOneLine) {
  EXPECT_EQ(run(GetParam().arguments), 2);
  EXPECT_EQ(out(), "");
  EXPECT_TRUE(err().starts_with("rxfilter-loader: ")) << err();
  EXPECT_NE(err().find(GetParam().words), std::string::npos) << err();
  EXPECT_EQ(std::ranges::count(err(), '\n'), 1) << err();
  EXPECT_TRUE(err().ends_with('\n')) << err();
  EXPECT_TRUE(calls_.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rows, BadCommandLine,
    testing::Values(UsageRow{"nothing", {}, "a verb is missing"},
                    UsageRow{"unknown_verb", {"frob"}, "unknown verb \"frob\""},
                    UsageRow{"verb_prefix", {"att", "eth0"}, "unknown verb \"att\""},
                    UsageRow{"verb_case", {"Attach", "eth0"}, "unknown verb \"Attach\""},
                    UsageRow{"no_device", {"attach"}, "DEV is required"},
                    UsageRow{"two_devices", {"attach", "eth0", "eth1"}, "unexpected argument \"eth1\""},
                    UsageRow{"two_verbs", {"get", "m", "clear", "m"}, "unexpected argument \"clear\""},
                    UsageRow{"option_prefix", {"attach", "eth0", "--dry"}, "unknown option \"--dry\""},
                    UsageRow{"later_hardware", {"attach", "--hardware", "on", "eth0"}, "unknown option \"--hardware\""},
                    UsageRow{"later_spoofchk", {"attach", "eth0", "--spoofchk"}, "unknown option \"--spoofchk\""},
                    UsageRow{"shadow_and_enforce", {"attach", "eth0", "--shadow", "--enforce"}, "not both"},
                    UsageRow{"shadow_value", {"attach", "eth0", "--shadow=no"}, "--shadow takes no value"},
                    UsageRow{"shadow_elsewhere", {"detach", "eth0", "--shadow"}, "unknown option \"--shadow\""},
                    UsageRow{"confirm_nothing", {"attach", "eth0", "--confirm"}, "--confirm needs a value"},
                    UsageRow{"confirm_0", {"attach", "eth0", "--confirm", "0"}, "range 1 to 3600"},
                    UsageRow{"confirm_3601", {"attach", "eth0", "--confirm", "3601"}, "range 1 to 3600"},
                    UsageRow{"confirm_negative", {"attach", "eth0", "--confirm=-5"}, "--confirm"},
                    UsageRow{"confirm_words", {"attach", "eth0", "--confirm", "1m"}, "--confirm"},
                    UsageRow{"watch_seconds", {"status", "--watch", "0"}, "--watch: \"0\" is not a number of seconds"},
                    UsageRow{"watch_long", {"status", "--watch=3601"}, "--watch: \"3601\" is not a number of seconds"},
                    UsageRow{"watch_two", {"status", "a", "--watch", "b"}, "--watch: \"b\" is not a number of seconds"},
                    UsageRow{"prometheus_json", {"status", "-j", "--prometheus"}, "not with --json"},
                    UsageRow{"prometheus_watch", {"status", "--prometheus", "--watch"}, "--watch"},
                    UsageRow{"drops_name", {"drops", "a b"}, "\"a b\" is not a device name"},
                    UsageRow{"drops_count", {"drops", "--count", "0"}, "--count"},
                    UsageRow{"drops_rate", {"drops", "--rate", "1000001"}, "--rate"},
                    UsageRow{"short_option", {"status", "-x"}, "unknown option \"-x\""},
                    UsageRow{"option_of_another", {"get", "m", "--vlan", "3"}, "unknown option \"--vlan\""},
                    UsageRow{"bad_mode", {"attach", "eth0", "--mode", "fast"}, "auto,native,generic,tc"},
                    UsageRow{"mode_number", {"attach", "eth0", "--mode", "0"}, "auto,native,generic,tc"},
                    UsageRow{"no_value", {"attach", "eth0", "--mode"}, "--mode needs a value"},
                    UsageRow{"empty_value", {"set", "m", "--vlan=", "--flags", "none"}, "\"--vlan\" needs a value"},
                    UsageRow{"twice", {"set", "m", "--vlan", "1", "--vlan", "2"}, "--vlan is given more than once"},
                    UsageRow{"flag_value", {"status", "--json=no"}, "--json takes no value"},
                    UsageRow{"empty_name", {"attach", ""}, "\"\" is not a device name"},
                    UsageRow{"path_name", {"detach", "../x"}, "\"../x\" is not a device name"},
                    UsageRow{"newline_name", {"status", "a\nb"}, "\"a?b\""},
                    UsageRow{"empty_status", {"status", ""}, "\"\" is not a device name"},
                    UsageRow{"detach_nothing", {"detach"}, "give DEV or --all"},
                    UsageRow{"detach_both", {"detach", "eth0", "--all"}, "not both"},
                    UsageRow{"set_nothing", {"set", "m"}, "--unicast, --multicast, --vlan, --flags or --from"},
                    UsageRow{"set_from_and", {"set", "m", "--from", "/dev/null", "--vlan", "3"}, "--from replaces"},
                    UsageRow{"set_bad_vlan", {"set", "m", "--vlan", "10,,20"}, "--vlan \"10,,20\": empty item"},
                    UsageRow{"set_empty", {"set", "m", "--unicast", ""}, "--unicast \"\": empty item"}),
    [](const auto& row) { return row.param.name; });

TEST_F(CommandLine, GlobalOptionsGoBeforeOrAfterTheVerb) {
  for (const std::vector<const char*>& arguments : {std::vector<const char*>{"-n", "blue", "-j", "get", "m"},
                                                    std::vector<const char*>{"get", "m", "-j", "--netns", "blue"},
                                                    std::vector<const char*>{"get", "-jnblue", "m"}}) {
    EXPECT_EQ(run(arguments), 0) << err();
    EXPECT_EQ(out(), "{}\n");
    EXPECT_EQ(calls_, (Calls{"netns blue", "get m"}));
  }
}

TEST_F(CommandLine, NamespaceThatCannotBeEnteredEndsIt) {
  operations_.enter_netns = [](const std::string& name) { return system_error(ENOENT, "network namespace " + name); };
  EXPECT_EQ(run({"-n", "blue", "status"}), 1);
  EXPECT_EQ(err(), "rxfilter-loader: network namespace blue: No such file or directory\n");
  EXPECT_TRUE(calls_.empty());
}

TEST_F(CommandLine, BpffsIsADirectory) {
  EXPECT_EQ(run_plain({"rxfilter-loader", "--bpffs", "/nonexistent", "get", "m"}), 1);
  EXPECT_EQ(err(), "rxfilter-loader: --bpffs /nonexistent: No such file or directory\n");
  EXPECT_EQ(run_plain({"rxfilter-loader", "--bpffs", "/dev/null", "get", "m"}), 1);
  EXPECT_EQ(err(), "rxfilter-loader: --bpffs /dev/null: Not a directory\n");
  EXPECT_EQ(run_plain({"rxfilter-loader", "attach", "eth0", "--bpffs", "/tmp"}), 0);
  EXPECT_EQ(context_.bpffs, "/tmp");
}

TEST_F(CommandLine, PrettyIndentsJson) {
  filter_.vlans = VlanSet{};
  EXPECT_EQ(run({"get", "m", "-jp"}), 0);
  EXPECT_EQ(out(), "{\n    \"vlans\": \"none\"\n}\n");
  EXPECT_EQ(run({"get", "m", "-p"}), 0);
  EXPECT_EQ(out(), "m: any address  vlans none\n");
}

TEST_F(CommandLine, JsonSurvivesNamesThatAreNotUtf8) {
  EXPECT_EQ(run({"detach", "-j", "a\xff"}), 0);
  EXPECT_EQ(out(), "{\"device\":\"a\xef\xbf\xbd\",\"changed\":true}\n");
}

TEST_F(CommandLine, AttachHandsOnItsOptions) {
  EXPECT_EQ(run({"attach", "eth0"}), 0);
  EXPECT_EQ(calls_, Calls{"attach eth0"});
  EXPECT_FALSE(attach_options_.mode || attach_options_.dry_run);
  EXPECT_EQ(out(), "eth0: test -> early drop: none\n  no macvlan or macvtap on it yet\n  pinned at /p\n");
  EXPECT_EQ(run({"attach", "--mode", "tc", "--dry-run", "--", "-x"}), 0);
  EXPECT_EQ(calls_, Calls{"attach -x"});
  EXPECT_TRUE(attach_options_.dry_run);
  EXPECT_EQ(out().find("pinned"), std::string::npos) << out();
}

TEST_F(CommandLine, AttachKnowsTheModes) {
  using mirror::AttachMode;
  const std::vector<std::pair<const char*, AttachMode>> modes = {{"auto", AttachMode::auto_},
                                                                 {"native", AttachMode::native},
                                                                 {"generic", AttachMode::generic},
                                                                 {"tc", AttachMode::tc}};
  for (const auto& [name, mode] : modes) {
    EXPECT_EQ(run({"attach", "eth0", "--mode", name}), 0);
    EXPECT_EQ(attach_options_.mode, mode) << name;
  }
}

TEST_F(CommandLine, AttachLeavesShadowAsItWasUnlessTold) {
  EXPECT_EQ(run({"attach", "eth0"}), 0);
  EXPECT_EQ(attach_options_.shadow, std::nullopt);
  EXPECT_EQ(attach_options_.confirm_by, 0U);
  EXPECT_EQ(run({"attach", "eth0", "--enforce"}), 0);
  EXPECT_EQ(attach_options_.shadow, false);
  EXPECT_EQ(run({"attach", "eth0", "--shadow"}), 0);
  EXPECT_EQ(attach_options_.shadow, true);
  EXPECT_EQ(calls_, Calls{"attach eth0"});
}

TEST_F(CommandLine, AttachSaysThatNothingIsDropped) {
  shadow_ = true;
  report_.changed = false;
  EXPECT_EQ(run({"attach", "eth0"}), 0);
  EXPECT_EQ(out(), "eth0: already attached\n  shadow: counted, not dropped\n");
  EXPECT_EQ(err(),
            "rxfilter-loader: note: in shadow, nothing is dropped: rxfilter-loader attach eth0 --enforce ends that\n");
  EXPECT_EQ(run({"attach", "eth0", "--dry-run"}), 0);
  EXPECT_NE(out().find("\n  shadow: counted, not dropped\n"), std::string::npos) << out();
  EXPECT_EQ(err(), "");
}

TEST_F(CommandLine, AttachThatIsToBeConfirmedIsWatchedFromBeforeItBegins) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  unconfirmed_ = {.seconds_left = 60, .undo = mirror::Undo::detach};
  const std::uint64_t earliest = mirror::boot_now() + 60 * kSecond;
  EXPECT_EQ(run({"attach", "eth0", "--confirm", "60"}), 0) << err();
  EXPECT_LE(earliest, attach_options_.confirm_by);
  EXPECT_LE(attach_options_.confirm_by, mirror::boot_now() + 60 * kSecond);
  EXPECT_EQ(watched_, attach_options_.confirm_by);
  EXPECT_EQ(calls_, (Calls{"watch eth0", "attach eth0"}));
  EXPECT_NE(out().find("\n  unconfirmed: 60 s left, then detached\n"), std::string::npos) << out();
  EXPECT_TRUE(err().starts_with("rxfilter-loader: note: undone at ")) << err();
  EXPECT_TRUE(err().ends_with(" unless confirmed by then: rxfilter-loader attach eth0\n")) << err();

  EXPECT_EQ(run({"attach", "eth0", "--confirm", "3600", "--dry-run"}), 0);
  EXPECT_EQ(calls_, Calls{"attach eth0"});
}

TEST_F(CommandLine, AttachThatFailsNeedsNoWatcher) {
  EXPECT_EQ(run({"attach", "bad0", "--confirm", "1"}), 3);
  EXPECT_EQ(calls_, (Calls{"watch bad0", "attach bad0", "end watcher"}));
  EXPECT_EQ(run({"attach", "alone0", "--confirm", "1"}), 1);
  EXPECT_EQ(calls_, Calls{"watch alone0"});
  EXPECT_EQ(err(), "rxfilter-loader: attach alone0: start a process: Resource temporarily unavailable\n");
}

TEST_F(CommandLine, AttachSaysThatItConfirmed) {
  confirmed_ = true;
  report_.changed = false;
  EXPECT_EQ(run({"attach", "eth0"}), 0);
  EXPECT_EQ(out(), "eth0: confirmed\n");
  EXPECT_EQ(run({"attach", "eth0", "-j"}), 0);
  EXPECT_EQ(Json::parse(out())["confirmed"], true);
  EXPECT_EQ(Json::parse(out())["changed"], true);
  report_.changed = true;
  EXPECT_EQ(run({"attach", "eth0", "--mode", "tc"}), 0);
  EXPECT_TRUE(out().starts_with("eth0: confirmed\neth0: test -> early drop: none\n")) << out();
}

TEST_F(CommandLine, SetFromAFileHandsOverTheWholeSet) {
  std::string path = testing::TempDir() + "rxfilter-set-XXXXXX";
  const int fd = ::mkstemp(path.data());
  ASSERT_GE(fd, 0);
  const std::string_view text = R"({"vlans":"42"})";
  EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(fd);
  EXPECT_EQ(run({"set", "m", "--from", path.c_str()}), 0) << err();
  EXPECT_EQ(edit_.whole, FilterSet{.vlans = *VlanSet::parse("42")});
  ::unlink(path.c_str());
}

TEST_F(CommandLine, AttachSaysWhatWasSo) {
  report_ = {.changed = false, .notes = {"mind the gap"}};
  EXPECT_EQ(run({"attach", "eth0"}), 0);
  EXPECT_EQ(out(), "eth0: already attached\n");
  EXPECT_EQ(err(), "rxfilter-loader: note: mind the gap\n");
  EXPECT_EQ(run({"attach", "eth0", "-j"}), 0);
  EXPECT_EQ(Json::parse(out())["changed"], false);
}

TEST_F(CommandLine, DetachIsSilentUnlessItWasSo) {
  EXPECT_EQ(run({"detach", "eth0"}), 0);
  EXPECT_EQ(out(), "");
  report_.changed = false;
  EXPECT_EQ(run({"detach", "eth0"}), 0);
  EXPECT_EQ(out(), "eth0: not attached\n");
}

TEST_F(CommandLine, DetachAllGoesOnAfterAFailure) {
  attached_ = {{"bad0", "eth0"}};
  EXPECT_EQ(run({"detach", "--all"}), 3);
  EXPECT_EQ(calls_, (Calls{"detach bad0", "detach eth0", "remove orphans"}));
  EXPECT_EQ(err(), "rxfilter-loader: bad0: not attached\n");
  attached_ = {{"bad0", "bad0"}};
  EXPECT_EQ(run({"detach", "--all"}), 3);
  EXPECT_EQ(err(), "rxfilter-loader: bad0: not attached\nrxfilter-loader: bad0: not attached\n");
  attached_->clear();
  EXPECT_EQ(run({"detach", "--all"}), 0);
  EXPECT_EQ(out(), "no device is attached\n");
}

TEST_F(CommandLine, PinsWithoutADeviceAreListedAndRemovedByDetachAll) {
  remains_ = {{{.device = "gone0", .ifindex = 7, .pin_directory = "/p/gone0", .problem = "it went: do this"}}};
  EXPECT_EQ(run({"status"}), 0);
  EXPECT_EQ(out(), "no device is attached\ngone0: pins without a device\n  pinned at /p/gone0\n  ! it went: do this\n");
  EXPECT_EQ(run({"status", "-j"}), 0);
  const Json expected = {{"device", "gone0"},
                         {"ifindex", 7},
                         {"attached", false},
                         {"pinned", "/p/gone0"},
                         {"problems", {"it went: do this"}}};
  EXPECT_EQ(Json::parse(out()), Json::array({expected}));
  attached_ = std::vector<std::string>{"eth0"};
  EXPECT_EQ(run({"detach", "--all"}), 0);
  EXPECT_EQ(calls_, (Calls{"detach eth0", "remove /p/gone0", "remove orphans"}));
  EXPECT_EQ(err(), "rxfilter-loader: note: removed\n");
}

TEST_F(CommandLine, ProgramsWithoutPinsAreListed) {
  orphaned_ = {{.device = "lost0", .ifindex = 7, .problems = {"a guard: do this", "an early drop: do this"}}};
  attached_->clear();
  EXPECT_EQ(run({"status"}), 0);
  const std::string lines = "lost0: programs without pins\n  ! a guard: do this\n  ! an early drop: do this\n";
  EXPECT_EQ(out(), lines);
  EXPECT_EQ(run({"status", "-j"}), 0);
  const Json expected = {{"device", "lost0"},
                         {"ifindex", 7},
                         {"attached", false},
                         {"pinned", nullptr},
                         {"problems", {"a guard: do this", "an early drop: do this"}}};
  EXPECT_EQ(Json::parse(out()), Json::array({expected}));
}

TEST_F(CommandLine, SetIsSilentUnlessVerbose) {
  filter_.vlans = *VlanSet::parse("10");
  report_.notes = {"filled in"};
  EXPECT_EQ(run({"set", "m", "--vlan", "10"}), 0);
  EXPECT_EQ(out(), "");
  EXPECT_EQ(err(), "rxfilter-loader: note: filled in\n");
  EXPECT_EQ(run({"-v", "set", "m", "--vlan", "10"}), 0);
  EXPECT_EQ(out(), "m: any address  vlans 10\n");
  EXPECT_EQ(run({"-v", "set", "m", "--vlan", "10", "-j"}), 0);
  EXPECT_EQ(out(), "{\"vlans\":\"10\"}\n");
}

TEST_F(CommandLine, VerboseSaysWhoDidIt) {
  for (const auto& [route, words] :
       {std::pair(daemon::Route::daemon, "the daemon"), std::pair(daemon::Route::kernel, "the kernel"),
        std::pair(daemon::Route::in_process, "in-process")}) {
    route_ = route;
    EXPECT_EQ(run({"-v", "set", "m0", "--vlan", "5"}), 0);
    EXPECT_NE(err().find(std::string("note: set by ") + words), std::string::npos) << err();
    EXPECT_EQ(run({"-v", "get", "m0"}), 0);
    EXPECT_NE(err().find(std::string("note: read by ") + words), std::string::npos) << err();
    EXPECT_EQ(run({"-v", "clear", "m0"}), 0);
    EXPECT_NE(err().find(std::string("note: cleared by ") + words), std::string::npos) << err();
  }
}

TEST_F(CommandLine, TheSocketOfTheDaemonCanBeChosen) {
  EXPECT_EQ(run({"get", "m0"}), 0);
  EXPECT_TRUE(api_.starts_with("/run/rxfilter/api") && api_.ends_with(".sock")) << api_;
  EXPECT_EQ(run({"get", "m0", "--api", "/x/y.sock"}), 0);
  EXPECT_EQ(api_, "/x/y.sock");
}

TEST_F(CommandLine, SetTakesValuesThatBeginWithADash) {
  for (const std::vector<const char*>& arguments :
       {std::vector<const char*>{"set", "m", "--unicast", "-02:aa:bb:cc:dd:01", "--vlan", "-20-29"},
        std::vector<const char*>{"set", "--unicast=-02:aa:bb:cc:dd:01", "--vlan=-20-29", "m"}}) {
    EXPECT_EQ(run(arguments), 0) << err();
    EXPECT_EQ(edit_.unicast->remove.size(), 1U);
    EXPECT_EQ(edit_.vlans->remove, *VlanSet::parse("20-29"));
  }
}

TEST_F(CommandLine, SetFromABadFileChangesNothing) {
  EXPECT_EQ(run({"set", "m", "--from", "/nonexistent"}), 1);
  EXPECT_EQ(err(), "rxfilter-loader: /nonexistent: No such file or directory\n");
  EXPECT_TRUE(calls_.empty());
  EXPECT_EQ(run({"set", "m", "--from", "/dev/null"}), 2);
  EXPECT_EQ(err(), "rxfilter-loader: /dev/null: line 1, column 1: the file ends too early\n");
}

TEST_F(CommandLine, ErrorsKeepTheirExitStatus) {
  EXPECT_EQ(run({"set", "bad0", "--vlan", "none"}), 3);
  EXPECT_EQ(err(), "rxfilter-loader: bad0: not attached\n");
  failure_ = {"one\ntwo", EPERM, Exit::refused};
  EXPECT_EQ(run({"set", "bad0", "--vlan", "none"}), 1);
  EXPECT_EQ(err(), "rxfilter-loader: one?two\n");
}

TEST_F(CommandLine, ClearSaysWhatWasSo) {
  EXPECT_EQ(run({"clear", "m"}), 0);
  EXPECT_EQ(out(), "");
  report_.changed = false;
  EXPECT_EQ(run({"clear", "m"}), 0);
  EXPECT_EQ(out(), "m: unfiltered already\n");
}

TEST_F(CommandLine, StatusOfOneIsAnObjectAndOfAllAList) {
  EXPECT_EQ(run({"status", "-j"}), 0);
  EXPECT_EQ(out(), "[]\n");
  EXPECT_EQ(run({"status"}), 0);
  EXPECT_EQ(out(), "no device is attached\n");
  attached_ = {{"eth0", "bad0", "eth1"}};
  EXPECT_EQ(run({"status", "-j"}), 0) << "bad0 was detached meanwhile";
  EXPECT_EQ(Json::parse(out()).size(), 2U);
  EXPECT_EQ(run({"status", "eth0", "-j"}), 0);
  EXPECT_EQ(Json::parse(out())["device"], "eth0");
  EXPECT_EQ(run({"status", "bad0"}), 3);
}

TEST_F(CommandLine, VerbsAreDeviceNamesToo) {
  EXPECT_EQ(run({"status", "status"}), 0);
  EXPECT_EQ(calls_, Calls{"status status"});
}

TEST_F(CommandLine, AnAnswerThatCannotBeWrittenIsAnError) {
  std::ostream closed(nullptr);
  std::ostringstream err;
  const char* arguments[] = {"rxfilter-loader", "--bpffs", "/", "get", "m", nullptr};
  EXPECT_EQ(run_command_line(5, arguments, closed, err, operations_), 1);
  EXPECT_TRUE(err.str().starts_with("rxfilter-loader: standard output: ")) << err.str();
}

}  // namespace
}  // namespace rxf::cli
