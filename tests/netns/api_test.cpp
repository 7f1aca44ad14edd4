// SPDX-License-Identifier: GPL-2.0-only
// The API socket of a real daemon, over real macvtaps: the table that the patched kernel passes too, who may do what,
// and clients that come in numbers or die.
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <thread>

#include "loader/daemon/api_client.h"
#include "loader/netlink/rx_filter_codec.h"
#include "tests/support/api_table.h"
#include "tests/support/command.h"
#include "tests/support/daemon_process.h"
#include "tests/support/enforcement.h"
#include "tests/support/loader_command.h"
#include "tests/support/must.h"
#include "tests/support/requirements.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/system_call.h"
#include "tests/support/topology.h"

namespace rxf::test {
namespace {

using daemon::ApiClient;

constexpr uid_t kNobody = 65534;
constexpr MacAddress kWanted = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr MacAddress kOther = {{0x02, 0xbb, 0, 0, 0, 2}};

// The links, the attached lower device, and the daemon, ready.
struct Bench {
  explicit Bench(Uppers uppers, const std::vector<std::string>& arguments = {}) : topology(uppers) {
    must_run(std::string("ip link property add dev upper altname ") + kAlternativeName);
    loader.must("attach lower");
    start(arguments);
  }

  void start(const std::vector<std::string>& arguments) {
    daemon.emplace(bpffs.path(), directory.path(), DaemonProcess::Options{.arguments = arguments});
    if (!daemon->wait_for("READY=1")) throw std::runtime_error("the daemon is not ready: " + daemon->log());
  }
  [[nodiscard]] std::string api() const { return DaemonProcess::socket_in(directory.path()); }
  [[nodiscard]] ApiClient connect() const { return must(ApiClient::connect(api())); }
  [[nodiscard]] CommandResult command(const std::string& arguments) const {
    return loader.run("--api '" + api() + "' " + arguments);
  }

  Topology topology;
  ScratchBpffs bpffs;
  ScratchDirectory directory;
  LoaderCommand loader{bpffs.path()};
  std::optional<DaemonProcess> daemon;
};

std::string why_not() {
  for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
    if (!why.empty()) return why;
  return "";
}

FilterSet filter_of(const MacAddress& unicast, std::uint16_t vid) {
  FilterSet filter = {.addresses = AddressFilter{.flags = {.broadcast = true}, .unicast = {unicast}}};
  filter.vlans = VlanSet();
  filter.vlans->insert(vid);
  return filter;
}

// The table

// One bench for all rows: each begins with no filter.
class ApiTable : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (why_not().empty()) bench_ = std::make_unique<Bench>(Uppers::passthru);
  }
  static void TearDownTestSuite() { bench_.reset(); }
  void SetUp() override {
    if (const std::string why = why_not(); !why.empty()) GTEST_SKIP() << why;
    (void)must(bench_->connect().set({.name = "upper"}, exactly(FilterSet{})));
  }

  static ApiUnderTest api() {
    return {.open = [] { return api_socket_channel(bench_->api()); }, .attribute = netlink::kIflaRxFilter};
  }

  static inline std::unique_ptr<Bench> bench_;
};

class ApiGoldenRow : public ApiTable, public testing::WithParamInterface<GoldenRow> {};
TEST_P(ApiGoldenRow, IsAnsweredAsTheKernelDoes) { expect_golden_row(api(), GetParam()); }
INSTANTIATE_TEST_SUITE_P(All, ApiGoldenRow, testing::ValuesIn(golden_rows()),
                         [](const auto& row) { return row.param.name; });

class ApiTableCase : public ApiTable, public testing::WithParamInterface<ApiCase> {};
TEST_P(ApiTableCase, IsAsInTheKernel) { GetParam().expect(api()); }
INSTANTIATE_TEST_SUITE_P(All, ApiTableCase, testing::ValuesIn(api_cases()),
                         [](const auto& row) { return std::string(row.param.name); });

// Everything else

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_not(); !why.empty()) GTEST_SKIP() << why;
  }
  void start(Uppers uppers, const std::vector<std::string>& arguments = {}) { bench_.emplace(uppers, arguments); }

  void expect_enforced() { EXPECT_EQ(enforcement_problems(bench_->bpffs.path(), "lower"), std::vector<std::string>{}); }
  // The exit status of a child process that has done `work`.
  static int in_child(const std::function<int()>& work) {
    const pid_t child = checked(::fork(), "fork");
    if (child == 0) ::_exit(work());
    int status = 0;
    checked(::waitpid(child, &status, 0), "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::optional<Bench> bench_;
};

TEST_F(ApiTest, OtherUsersMaySetWhatTheyAreGiven) {
  start(Uppers::bridge, {"--group", std::to_string(kNobody), "--allow", "sibling=" + std::to_string(kNobody)});
  std::filesystem::permissions(bench_->directory.path(), std::filesystem::perms(0755));
  const auto code_for_nobody = [&](const std::string& upper, bool set) {
    return in_child([&] {
      if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return 200;
      auto client = ApiClient::connect(bench_->api());
      if (!client) return 201;
      if (!set) return client->get({.name = upper}) ? 0 : 202;
      const auto done = client->set({.name = upper}, exactly(filter_of(kWanted, 42)));
      return done ? 0 : done.error().code;
    });
  };
  EXPECT_EQ(code_for_nobody("upper", true), EPERM);
  EXPECT_EQ(code_for_nobody("upper", false), 0);
  EXPECT_EQ(must(bench_->connect().get({.name = "upper"})).filter, FilterSet{});
  EXPECT_EQ(code_for_nobody("sibling", true), 0);
  EXPECT_EQ(must(bench_->connect().get({.name = "sibling"})).filter, filter_of(kWanted, 42));
  expect_enforced();
}

TEST_F(ApiTest, WhoIsNotOfTheGroupMayNotConnect) {
  start(Uppers::passthru);
  std::filesystem::permissions(bench_->directory.path(), std::filesystem::perms(0755));
  EXPECT_EQ(in_child([&] {
              if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return 200;
              const auto client = ApiClient::connect(bench_->api());
              return client ? 0 : client.error().code;
            }),
            EACCES);
}

TEST_F(ApiTest, AnAddressBelongsToOneSibling) {
  start(Uppers::bridge);
  ApiClient client = bench_->connect();
  (void)must(client.set({.name = "upper"}, exactly(filter_of(kWanted, 42))));
  const auto claimed = client.set({.name = "sibling"}, exactly(filter_of(kWanted, 42)));
  ASSERT_FALSE(claimed);
  EXPECT_EQ(claimed.error().code, EADDRINUSE) << claimed.error().text;
  EXPECT_EQ(must(client.get({.name = "sibling"})).filter, FilterSet{});
  EXPECT_TRUE(client.set({.name = "sibling"}, exactly(filter_of(kOther, 42))));
  expect_enforced();
}

TEST_F(ApiTest, ALowerDeviceThatIsNotAttachedIsSaid) {
  start(Uppers::passthru);
  bench_->loader.must("detach lower");
  const auto set = bench_->connect().set({.name = "upper"}, exactly(filter_of(kWanted, 42)));
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ENOLINK) << set.error().text;
  EXPECT_EQ(set.error().exit, Exit::not_attached);
  EXPECT_EQ(must(bench_->connect().get({.name = "upper"})).filter, std::nullopt);
}

TEST_F(ApiTest, TwoClientsAtOnce) {
  start(Uppers::bridge);
  constexpr int kSets = 50;
  const auto set_often = [&](const std::string& upper, std::uint8_t first, int& done) {
    ApiClient client = bench_->connect();
    for (int i = 0; i < kSets; ++i) {
      const MacAddress address = {{0x02, 0xbb, first, 0, 0, static_cast<std::uint8_t>(i)}};
      if (client.set({.name = upper}, exactly(filter_of(address, 42)))) ++done;
    }
  };
  int of_upper = 0;
  int of_sibling = 0;
  std::thread other([&] { set_often("sibling", 2, of_sibling); });
  set_often("upper", 1, of_upper);
  other.join();
  EXPECT_EQ(of_upper, kSets);
  EXPECT_EQ(of_sibling, kSets);
  EXPECT_EQ(must(bench_->connect().get({.name = "upper"})).filter, filter_of({{0x02, 0xbb, 1, 0, 0, kSets - 1}}, 42));
  EXPECT_EQ(must(bench_->connect().get({.name = "sibling"})).filter, filter_of({{0x02, 0xbb, 2, 0, 0, kSets - 1}}, 42));
  expect_enforced();
}

TEST_F(ApiTest, ClientsThatAreKilledLeaveNothingBehind) {
  start(Uppers::passthru);
  for (int round = 0; round < 20; ++round) {
    const pid_t child = checked(::fork(), "fork");
    if (child == 0) {
      ApiClient client = bench_->connect();
      for (std::uint16_t vid = 1;; vid = static_cast<std::uint16_t>(vid % 4000 + 1)) {
        (void)client.set({.name = "upper"}, exactly(filter_of(kWanted, vid)));
        (void)client.all();
      }
    }
    ::usleep(static_cast<useconds_t>(1000 * (10 + 3 * round)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const FilterSet filter = filter_of(kWanted, static_cast<std::uint16_t>(4001 + round));
    (void)must(bench_->connect().set({.name = "upper"}, exactly(filter)));
    EXPECT_EQ(must(bench_->connect().get({.name = "upper"})).filter, filter);
    expect_enforced();
  }
  const auto descriptors =
      std::filesystem::directory_iterator("/proc/" + std::to_string(bench_->daemon->pid()) + "/fd");
  EXPECT_LT(std::distance(begin(descriptors), end(descriptors)), 40) << "the connections are closed";
}

// The default is for less than this test needs.
void raise_open_files() {
  rlimit limit{};
  checked(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

TEST_F(ApiTest, AThousandConnections) {
  start(Uppers::passthru);
  raise_open_files();
  const auto address = must(daemon::api_address(bench_->api()));
  std::vector<Fd> crowd;
  for (int i = 0; i < 1000; ++i) {
    crowd.push_back(checked_fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket"));
    checked(::connect(crowd.back().get(), daemon::generic(address), sizeof(address)), "connect");
    // Half of them want everything and read nothing.
    const nlmsghdr dump = {.nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg)),
                           .nlmsg_type = RTM_GETLINK,
                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP};
    std::vector<std::uint8_t> request(dump.nlmsg_len);
    std::memcpy(request.data(), &dump, sizeof(dump));
    if (i % 2 == 0) checked(static_cast<int>(::send(crowd.back().get(), request.data(), request.size(), 0)), "send");
  }
  for (int i = 0; i < 5; ++i) {
    const CommandResult result =
        bench_->command("set upper --unicast 02:bb:00:00:00:01 --multicast none --vlan " + std::to_string(100 + i));
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(
        must(bench_->connect().get({.name = "upper"})).filter->vlans->contains(static_cast<std::uint16_t>(100 + i)),
        true);
  }
  expect_enforced();
}

TEST_F(ApiTest, ASecondDaemonIsRefused) {
  start(Uppers::passthru);
  // Where it is not refused, it stays.
  const CommandResult second = run("timeout 20 '" + LoaderCommand::binary() + "' --bpffs '" + bench_->bpffs.path() +
                                   "' --api '" + bench_->api() + "' run");
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.err.find("process " + std::to_string(bench_->daemon->pid()) + " serves it already"),
            std::string::npos)
      << second.err;
  EXPECT_TRUE(bench_->connect().get({.name = "upper"}));
}

TEST_F(ApiTest, TheSocketGoesWithTheDaemonAndAKilledOnesIsReplaced) {
  start(Uppers::passthru);
  bench_->daemon->kill();
  EXPECT_TRUE(std::filesystem::exists(bench_->api()));
  EXPECT_EQ(ApiClient::connect(bench_->api()).error().code, ECONNREFUSED);
  bench_->start({});
  EXPECT_TRUE(bench_->connect().get({.name = "upper"}));
  bench_->daemon->signal(SIGTERM);
  EXPECT_EQ(bench_->daemon->wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(bench_->api()));
}

}  // namespace
}  // namespace rxf::test
