// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_client.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include "loader/daemon/api_server.h"
#include "loader/netlink/net_namespace.h"
#include "tests/support/fake_api_backend.h"
#include "tests/support/must.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/system_call.h"

namespace rxf::daemon {
namespace {

using std::chrono::milliseconds;
using test::checked;
using test::FakeApiBackend;
using test::must;

constexpr std::uint32_t kUpper = FakeApiBackend::kUpper;
const FilterSet kFilter = {
    .addresses = AddressFilter{.flags = {.broadcast = true}, .unicast = {{{0x02, 0xaa, 0, 0, 0, 1}}}},
    .vlans = VlanSet()};

// The server in a thread of its own, since the client waits.
class ApiClientTest : public testing::Test {
 protected:
  ApiClientTest() {
    sd_event* loop = nullptr;
    checked(sd_event_new(&loop), "sd_event_new");
    loop_.reset(loop);
    checked(sd_event_add_io(loop, nullptr, stop_.get(), EPOLLIN, nullptr, nullptr), "sd_event_add_io");
    server_ = must(ApiServer::create(loop, {.path = path_}, backend_));
    backend_.on_set = [this](const ApiLink& link) { server_->announce(link); };
    thread_ = std::thread([this] { sd_event_loop(loop_.get()); });
  }
  ~ApiClientTest() override { stop(); }

  void stop() {
    if (!thread_.joinable()) return;
    checked(::eventfd_write(stop_.get(), 1), "eventfd_write");
    thread_.join();
    server_.reset();
  }
  ApiClient connect() { return must(ApiClient::connect(path_)); }

  test::ScratchDirectory scratch_;
  Fd stop_ = test::checked_fd(::eventfd(0, EFD_CLOEXEC), "eventfd");
  LoopPtr loop_;
  FakeApiBackend backend_;
  std::string path_ = scratch_.file("api.sock");
  std::unique_ptr<ApiServer> server_;
  std::thread thread_;
};

TEST_F(ApiClientTest, GetsWhatItSet) {
  ApiClient client = connect();
  EXPECT_TRUE(must(client.set({.ifindex = kUpper}, exactly(kFilter))).empty());
  const ApiLinkAnswer expected = {.ifindex = kUpper, .name = "upper", .filter = kFilter};
  EXPECT_EQ(must(client.get({.ifindex = kUpper})), expected);
  EXPECT_EQ(must(client.get({.name = "upper"})), expected);
  EXPECT_EQ(must(client.get({.name = FakeApiBackend::kAlternativeName})), expected);
}

TEST_F(ApiClientTest, APartOfAFilterLeavesTheRest) {
  ApiClient client = connect();
  must(client.set({.name = "upper"}, exactly(kFilter)));
  must(client.set({.name = FakeApiBackend::kAlternativeName}, {.vlans = FilterChange::Vlans{}}));
  EXPECT_EQ(must(client.get({.name = "upper"})).filter, FilterSet{.addresses = kFilter.addresses});
}

TEST_F(ApiClientTest, AllAreTheLinks) {
  ApiClient client = connect();
  const auto links = must(client.all());
  ASSERT_EQ(links.size(), 3U);
  EXPECT_EQ(links[1], (ApiLinkAnswer{.ifindex = 3, .name = "sibling", .filter = FilterSet{}}));
  EXPECT_EQ(links[2], (ApiLinkAnswer{.ifindex = 4, .name = "nic"})) << "without a filter";
}

TEST_F(ApiClientTest, WarningsAreTheResult) {
  backend_.warnings = {"one", "two"};
  EXPECT_EQ(must(connect().set({.name = "upper"}, exactly(kFilter))), std::vector<std::string>{"one; two"});
}

TEST_F(ApiClientTest, ARefusalIsTheDaemonsSentence) {
  ApiClient client = connect();
  const std::pair<int, Exit> rows[] = {
      {EINVAL, Exit::usage},       {ERANGE, Exit::usage},         {EADDRNOTAVAIL, Exit::usage},
      {E2BIG, Exit::usage},        {ENOLINK, Exit::not_attached}, {ETIMEDOUT, Exit::timeout},
      {EADDRINUSE, Exit::refused}, {EPERM, Exit::refused},        {EOPNOTSUPP, Exit::refused}};
  for (const auto& [code, exit] : rows) {
    backend_.refusal = Error{.text = "upper: because", .code = code};
    const auto set = client.set({.name = "upper"}, exactly(kFilter));
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error(), (Error{.text = "upper: because", .code = code, .exit = exit}));
  }
  backend_.refusal.reset();
  EXPECT_TRUE(client.set({.name = "upper"}, exactly(kFilter))) << "the connection goes on";
}

TEST_F(ApiClientTest, NamesThatCannotExistAreNoSuchDevice) {
  ApiClient client = connect();
  for (const netlink::LinkName& name :
       {netlink::LinkName{.name = ""}, netlink::LinkName{.name = "nobody"}, netlink::LinkName{.ifindex = 99},
        netlink::LinkName{.ifindex = 0xffffffff}, netlink::LinkName{.name = std::string("upper\0x", 7)},
        netlink::LinkName{.name = std::string(128, 'x')}}) {
    EXPECT_EQ(client.get(name).error().code, ENODEV) << name.name;
    EXPECT_EQ(client.set(name, {}).error().code, ENODEV) << name.name;
  }
}

TEST_F(ApiClientTest, MoreAddressesThanFitAreNotSent) {
  AddressSet many;
  for (std::uint8_t i = 0; i < 5; ++i)
    for (int j = 0; j < 256; ++j) many.insert({{2, 0, 0, 0, i, static_cast<std::uint8_t>(j)}});
  const auto set =
      connect().set({.name = "upper"}, {.addresses = FilterChange::Addresses{.flags = FilterFlags{}, .unicast = many}});
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, E2BIG);
  EXPECT_EQ(set.error().exit, Exit::usage);
  EXPECT_EQ(set.error().text, "1280 addresses are more than 1024");
}

TEST_F(ApiClientTest, SubscriberHearsWhatChanges) {
  backend_.on_set = [this](const ApiLink& link) {
    server_->announce(link);
    server_->announce_gone(9, "deleted", false);
    server_->announce_gone(10, "departed", true);
  };
  ApiClient listener = connect();
  must(listener.subscribe());
  EXPECT_FALSE(must(listener.next(milliseconds(0))));
  must(connect().set({.ifindex = kUpper}, exactly(kFilter)));
  const ApiNotice expected[] = {
      {.link = {.ifindex = kUpper, .name = "upper", .filter = kFilter}},
      {.gone = true, .link = {.ifindex = 9, .name = "deleted"}},
      {.link = {.ifindex = 10, .name = "departed", .filter = FilterSet{}}},
  };
  for (const ApiNotice& notice : expected) EXPECT_EQ(must(listener.next(milliseconds(5000))), notice);
  EXPECT_FALSE(must(listener.next(milliseconds(0))));
}

TEST_F(ApiClientTest, SubscriberHearsThatItLostSome) {
  ApiClient listener = connect();
  must(listener.subscribe());
  ApiClient setter = connect();
  for (int i = 0; i < 1000; ++i) must(setter.set({.ifindex = kUpper}, exactly(kFilter)));
  bool overrun = false;
  int notices = 0;
  while (!overrun) {
    const auto notice = must(listener.next(milliseconds(5000)));
    ASSERT_TRUE(notice) << "after " << notices;
    overrun = notice->overrun;
    ++notices;
  }
  EXPECT_GT(notices, 10);
}

TEST_F(ApiClientTest, WithoutADaemonItSaysSo) {
  const auto none = ApiClient::connect(scratch_.file("none.sock"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ENOENT);

  ApiClient client = connect();
  std::filesystem::rename(path_, scratch_.file("kept.sock"));
  stop();
  const auto dead = ApiClient::connect(scratch_.file("kept.sock"));
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.error().code, ECONNREFUSED);
  const auto cut = client.get({.ifindex = kUpper});
  ASSERT_FALSE(cut);
  EXPECT_TRUE(cut.error().code == ECONNRESET || cut.error().code == EPIPE) << cut.error().text;
}

Fd listen_at(const std::string& path) {
  Fd fd = test::checked_fd(::socket(AF_UNIX, SOCK_SEQPACKET, 0), "socket");
  const auto address = must(api_address(path));
  checked(::bind(fd.get(), generic(address), sizeof(address)), "bind");
  checked(::listen(fd.get(), 1), "listen");
  return fd;
}

TEST_F(ApiClientTest, ADaemonThatDiesInsteadOfAnsweringIsSaid) {
  stop();
  const Fd mortal = listen_at(path_);
  ApiClient client = connect();
  std::thread death([&] {
    const Fd connection = test::checked_fd(::accept(mortal.get(), nullptr, nullptr), "accept");
    std::uint8_t request[1000];
    ::recv(connection.get(), request, sizeof(request), 0);
  });
  const auto got = client.get({.ifindex = kUpper});
  death.join();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ECONNRESET);
  EXPECT_EQ(got.error().text, "API socket " + path_ + ": netlink receive: Connection reset by peer");
}

TEST_F(ApiClientTest, PatienceEnds) {
  stop();
  const Fd silent = listen_at(path_);
  ApiClient client = must(ApiClient::connect(path_, milliseconds(50)));
  const auto got = client.get({.ifindex = kUpper});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().text, "API socket " + path_ + ": no answer within 50 ms");
  EXPECT_EQ(got.error().code, ETIMEDOUT);
  EXPECT_EQ(got.error().exit, Exit::timeout);

  std::vector<Result<ApiClient>> waiting;
  do waiting.push_back(ApiClient::connect(path_, milliseconds(50)));
  while (waiting.back() && waiting.size() < 10);
  ASSERT_FALSE(waiting.back()) << "the queue is full";
  EXPECT_EQ(waiting.back().error(), got.error());
}

TEST_F(ApiClientTest, WhoMayNotConnectIsToldWhoMay) {
  if (::geteuid() != 0) GTEST_SKIP() << "becomes another user, for which it has to be root";
  const auto text_for_another = [&] {
    int ends[2];
    checked(::pipe(ends), "pipe");
    const pid_t child = checked(::fork(), "fork");
    if (child == 0) {
      if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(99);
      const auto client = ApiClient::connect(path_);
      const std::string text = client ? "connected" : client.error().text;
      ::_exit(::write(ends[1], text.data(), text.size()) < 0);
    }
    std::string text(1000, '\0');
    text.resize(static_cast<std::size_t>(checked(static_cast<int>(::read(ends[0], text.data(), text.size())), "read")));
    ::close(ends[0]);
    ::close(ends[1]);
    ::waitpid(child, nullptr, 0);
    return text;
  };
  checked(::chown(scratch_.path().c_str(), 0, 1), "chown");
  const std::string denied = "API socket " + path_ + ": Permission denied: only root and group ";
  EXPECT_EQ(text_for_another(), denied + "daemon may connect") << "the directory's";
  checked(::chmod(scratch_.path().c_str(), 0755), "chmod");
  checked(::chown(path_.c_str(), 0, 72001), "chown");
  EXPECT_EQ(text_for_another(), denied + "72001 may connect") << "the socket's";
}

TEST(ApiPath, IsOfTheNetworkNamespace) {
  const std::string cookie = std::to_string(must(netlink::netns_cookie()));
  EXPECT_EQ(default_api_path(),
            netlink::in_initial_netns() ? "/run/rxfilter/api.sock" : "/run/rxfilter/api@" + cookie + ".sock");
}

}  // namespace
}  // namespace rxf::daemon
