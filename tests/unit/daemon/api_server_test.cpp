// SPDX-License-Identifier: GPL-2.0-only
// The server with real sockets: it, its clients and the backend's links are all in one thread, so that its turns can be
// counted. No time is measured but where a time limit is the subject.
#include "loader/daemon/api_server.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "loader/daemon/api_path.h"
#include "loader/netlink/message.h"
#include "loader/netlink/rx_filter_codec.h"
#include "loader/netlink/rx_filter_link.h"
#include "tests/support/fake_api_backend.h"
#include "tests/support/must.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/system_call.h"

namespace rxf::daemon {
namespace {

using netlink::Message;
using std::chrono::milliseconds;
using test::checked;
using test::FakeApiBackend;
using test::must;

constexpr std::uint32_t kUpper = FakeApiBackend::kUpper;
constexpr std::size_t kConnections = 1024;
const FilterSet kNoVlan = {.vlans = VlanSet()};

Packet packet_of(const Message& message) { return {message.bytes().begin(), message.bytes().end()}; }

Packet set_request(const FilterSet& filter = kNoVlan, int flags = NLM_F_ACK) {
  Message message(RTM_SETLINK, NLM_F_REQUEST | flags, netlink::kMaxRxFilterMessage);
  message.put_fixed(ifinfomsg{.ifi_index = kUpper});
  put_rx_filter(message, netlink::kIflaRxFilter, exactly(filter));
  return packet_of(message);
}

Packet get_request(int flags = 0) {
  Message message(RTM_GETLINK, NLM_F_REQUEST | flags);
  message.put_fixed(ifinfomsg{.ifi_index = flags == NLM_F_DUMP ? 0 : int{kUpper}});
  message.put_u32(IFLA_EXT_MASK, netlink::kExtFilterRxFilter);
  return packet_of(message);
}

Packet subscription() {
  Message message(kApiAddMembership, NLM_F_REQUEST | NLM_F_ACK);
  message.put_fixed(std::uint32_t{RTNLGRP_LINK});
  return packet_of(message);
}

std::vector<nlmsghdr> headers_of(const Packet& packet) {
  std::vector<nlmsghdr> headers;
  for (netlink::Bytes rest = packet; !rest.empty();) {
    headers.push_back(netlink::read_object<nlmsghdr>(rest).value());
    rest = rest.subspan(NLMSG_ALIGN(headers.back().nlmsg_len));
  }
  return headers;
}

int type_of(const Packet& packet) { return headers_of(packet).at(0).nlmsg_type; }

// The errno of an NLMSG_ERROR; -1 where it is something else.
int code_of(const Packet& packet) {
  if (type_of(packet) != NLMSG_ERROR) return -1;
  return -netlink::read_object<nlmsgerr>(netlink::Bytes(packet).subspan(NLMSG_HDRLEN))->error;
}

// Never blocks.
class Client {
 public:
  explicit Client(const std::string& path) {
    const auto address = must(api_address(path));
    checked(::connect(fd_.get(), generic(address), sizeof(address)), "connect");
  }

  // False where the socket is full.
  bool try_send(const Packet& packet) const {
    if (::send(fd_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
    if (errno != EAGAIN) throw std::system_error(errno, std::generic_category(), "send");
    return false;
  }
  void send(const Packet& packet) const { ASSERT_TRUE(try_send(packet)); }

  // nullopt where there is nothing.
  [[nodiscard]] std::optional<Packet> receive() const {
    Packet packet(256 * 1024);
    const ssize_t size = ::recv(fd_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (size <= 0) return std::nullopt;
    packet.resize(static_cast<std::size_t>(size));
    return packet;
  }
  [[nodiscard]] bool closed() const {
    char byte = 0;
    return ::recv(fd_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Fd fd_ = test::checked_fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket");
};

class ApiServerTest : public testing::Test {
 protected:
  ApiServerTest() {
    sd_event* loop = nullptr;
    checked(sd_event_new(&loop), "sd_event_new");
    loop_.reset(loop);
    backend_.on_set = [this](const ApiLink& link) { server_->announce(link); };
  }

  void start(const ApiLimits& limits = {}, AccessList access = {}) {
    server_ =
        must(ApiServer::create(loop_.get(), {.path = path_, .access = std::move(access), .limits = limits}, backend_));
  }

  // Until there is nothing to do, or `most` sources were served. How many were.
  int settle(int most = 200'000) {
    int served = 0;
    while (served < most && sd_event_run(loop_.get(), 0) > 0) ++served;
    return served;
  }
  // The answer to come, and how many sources were served for it.
  std::pair<Packet, int> answer_to(const Client& client, const Packet& request, int most) {
    client.send(request);
    for (int served = 0; served < most; ++served) {
      sd_event_run(loop_.get(), 0);
      if (auto answer = client.receive()) return {*answer, served};
    }
    ADD_FAILURE() << "no answer after " << most << " turns";
    return {};
  }
  Packet answer_to(const Client& client, const Packet& request) {
    client.send(request);
    settle();
    return client.receive().value_or(Packet{});
  }
  void expect_works() { EXPECT_EQ(code_of(answer_to(Client(path_), set_request())), 0); }

  // So that a dump has `count` links of `size` bytes.
  void make_long(std::uint32_t count, std::size_t size) {
    for (std::uint32_t i = 0; i < count; ++i) backend_.add(1000 + i, "x" + std::to_string(i), FilterSet{}, size);
  }

  test::ScratchDirectory directory_;
  std::string path_ = directory_.path() + "/api.sock";
  LoopPtr loop_;
  FakeApiBackend backend_;
  std::unique_ptr<ApiServer> server_;
};

// Being served

TEST_F(ApiServerTest, SetAndGet) {
  start();
  const Client client(path_);
  EXPECT_EQ(code_of(answer_to(client, set_request())), 0);
  EXPECT_EQ(backend_.link(kUpper).filter, kNoVlan);
  EXPECT_EQ(type_of(answer_to(client, get_request())), RTM_NEWLINK);
  EXPECT_EQ(client.receive(), std::nullopt);
}

TEST_F(ApiServerTest, MessagesOfOnePacketAreAnsweredInTurn) {
  start();
  const Client client(path_);
  Packet packet;
  for (const Packet& request : {set_request(), get_request(), set_request(), get_request()})
    packet.insert(packet.end(), request.begin(), request.end());
  client.send(packet);
  settle();
  for (const int type : {int{NLMSG_ERROR}, int{RTM_NEWLINK}, int{NLMSG_ERROR}, int{RTM_NEWLINK}})
    EXPECT_EQ(type_of(client.receive().value()), type);
}

TEST_F(ApiServerTest, WhatWasAskedForIsDoneAlsoForWhoIsGone) {
  start();
  {
    const Client client(path_);
    client.send(set_request());
    client.send(set_request());
  }
  settle();
  EXPECT_EQ(backend_.sets, 2);
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(ApiServerTest, DumpComesInPackets) {
  make_long(500, 1500);
  start();
  const Client client(path_);
  client.send(get_request(NLM_F_DUMP));
  std::vector<nlmsghdr> headers;
  for (int i = 0; i < 10'000 && (headers.empty() || headers.back().nlmsg_type != NLMSG_DONE); ++i) {
    sd_event_run(loop_.get(), 0);
    while (const auto packet = client.receive()) {
      EXPECT_LE(packet->size(), kMaxApiPacket);
      std::ranges::copy(headers_of(*packet), std::back_inserter(headers));
    }
  }
  EXPECT_EQ(headers.size(), backend_.links.size() + 1);
  EXPECT_EQ(backend_.dumps, 1);
}

TEST_F(ApiServerTest, ADumpIsOnePacketATurn) {
  make_long(500, 1500);
  start();
  const Client client(path_);
  settle();
  client.send(get_request(NLM_F_DUMP));
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(settle(1), 1);
    EXPECT_TRUE(client.receive());
    EXPECT_FALSE(client.receive());
  }
}

TEST_F(ApiServerTest, WhoIsNotAllowedIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "becomes another user, for which it has to be root";
  start({}, must(AccessList::parse({"sibling=65534", "upper=@72001"})));
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(path_, std::filesystem::perms(0666));
  const auto code_for = [&](std::vector<gid_t> groups) {
    const pid_t child = checked(::fork(), "fork");
    if (child == 0) {
      if (::setgroups(groups.size(), groups.data()) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(99);
      const Client client(path_);
      client.send(set_request());
      Packet answer(1000);
      ::recv(client.fd(), answer.data(), answer.size(), 0);
      ::_exit(-netlink::read_object<nlmsgerr>(netlink::Bytes(answer).subspan(NLMSG_HDRLEN))->error);
    }
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) sd_event_run(loop_.get(), 10'000);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(code_for({}), EPERM);
  EXPECT_EQ(code_for({72002, 72003}), EPERM);
  EXPECT_EQ(code_for({72002, 72001}), 0);
  EXPECT_EQ(backend_.sets, 1);
}

// Clients that misbehave

TEST_F(ApiServerTest, GarbageDisturbsNobody) {
  start();
  const Client good(path_);
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const Client bad(path_);
    for (int i = 0; i < 3; ++i) {
      Packet packet(random() % 40'000);
      std::ranges::generate(packet, [&] { return static_cast<std::uint8_t>(random()); });
      if (packet.size() > 8) packet[4] = random() % 2 ? std::uint8_t{RTM_SETLINK} : packet[4];
      if (!bad.try_send(packet)) break;
    }
    if (round % 10 != 0) continue;
    EXPECT_EQ(code_of(answer_to(good, set_request())), 0);
  }
  settle();
  EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(ApiServerTest, WhatIsNoMessageEndsTheConnection) {
  start();
  for (const std::size_t size : {0U, 1U, 15U}) {
    const Client client(path_);
    client.send(Packet(size, 0xff));
    settle();
    EXPECT_TRUE(client.closed()) << size;
    EXPECT_EQ(server_->connections(), 0U);
  }
}

TEST_F(ApiServerTest, ATooLongPacketIsRefusedAndTheNextOneRead) {
  start();
  const Client client(path_);
  Packet packet = set_request();
  packet.resize(kMaxApiPacket + 100);
  EXPECT_EQ(code_of(answer_to(client, packet)), EMSGSIZE);
  EXPECT_EQ(backend_.sets, 0);
  EXPECT_EQ(code_of(answer_to(client, set_request())), 0);
}

TEST_F(ApiServerTest, ReadersThatNeverReadHoldUpNobody) {
  make_long(200, 1500);
  start();
  constexpr int kDeaf = 40;
  std::vector<std::unique_ptr<Client>> deaf;
  for (int i = 0; i < kDeaf; ++i) {
    deaf.push_back(std::make_unique<Client>(path_));
    const bool dumps = i % 2 == 0;
    while (deaf.back()->try_send(get_request(dumps ? NLM_F_DUMP : 0))) {
    }
  }
  const Client good(path_);
  // To accept them all, and then one turn for each of the others between two of its own.
  const auto [first, before_first] = answer_to(good, set_request(), 1'000'000);
  EXPECT_EQ(code_of(first), 0);
  EXPECT_LE(before_first, 40 * kDeaf);
  for (int i = 0; i < 50; ++i) {
    const auto [answer, turns] = answer_to(good, set_request(), 1'000'000);
    EXPECT_EQ(code_of(answer), 0);
    EXPECT_LE(turns, 2 * kDeaf + 4);
  }
  EXPECT_EQ(server_->connections(), kDeaf + 1U);
  settle(20'000);
  const int dumps = backend_.dumps;
  EXPECT_EQ(settle(20'000), 0) << "nothing is done for who does not read";
  EXPECT_EQ(dumps, kDeaf / 2);
}

TEST_F(ApiServerTest, AnswersComeOnWhenTheyAreRead) {
  start();
  const Client client(path_);
  int sent = 0;
  int received = 0;
  while (client.try_send(get_request())) ++sent;
  for (bool idle = false; !idle;) {
    idle = settle() == 0;
    for (int i = 0; i < 7 && client.receive(); ++i, idle = false) ++received;
  }
  EXPECT_EQ(received, sent);
  EXPECT_GT(sent, 100);
}

TEST_F(ApiServerTest, APacketOfManyMessagesIsNotDoneInOneGo) {
  start();
  const Client greedy(path_);
  const Client good(path_);
  settle();
  Packet packet;
  for (const Packet request = set_request(); packet.size() + request.size() <= kMaxApiPacket;)
    packet.insert(packet.end(), request.begin(), request.end());
  greedy.send(packet);
  EXPECT_EQ(settle(1), 1);
  EXPECT_EQ(backend_.sets, 1);
  const Packet answer = answer_to(good, get_request(), 100).first;
  EXPECT_EQ(type_of(answer), RTM_NEWLINK);
  EXPECT_LE(backend_.sets, 4);
  settle();
  EXPECT_GT(backend_.sets, 40);
}

TEST_F(ApiServerTest, ClientsMayDieInTheMiddleOfADump) {
  make_long(4000, 1500);
  start({.dumps = 8 << 20});
  for (int i = 0; i < 20; ++i) {
    backend_.link(1000).filter = i % 2 ? FilterSet{} : kNoVlan;
    const Client client(path_);
    EXPECT_NE(code_of(answer_to(client, get_request(NLM_F_DUMP), 100).first), EBUSY);
  }
  settle();
  EXPECT_EQ(server_->connections(), 0U);
  expect_works();
}

TEST_F(ApiServerTest, PendingDumpsHaveALimit) {
  make_long(45'000, 1500);
  start();
  const Client first(path_);
  EXPECT_EQ(type_of(answer_to(first, get_request(NLM_F_DUMP))), RTM_NEWLINK) << "by itself it may be longer";
  const Client same(path_);
  EXPECT_EQ(type_of(answer_to(same, get_request(NLM_F_DUMP))), RTM_NEWLINK) << "what says the same is there already";
  const Client other(path_);
  backend_.link(kUpper).filter = kNoVlan;
  EXPECT_EQ(code_of(answer_to(other, get_request(NLM_F_DUMP))), EBUSY);
  expect_works();
}

TEST_F(ApiServerTest, ADumpThatIsNotReadEndsTheConnection) {
  make_long(500, 1500);
  start({.stall = milliseconds(200)});
  const Client deaf(path_);
  const Client idle(path_);
  deaf.send(get_request(NLM_F_DUMP));
  idle.send(subscription());
  settle();
  EXPECT_EQ(server_->connections(), 2U);
  for (int i = 0; i < 100 && server_->connections() == 2; ++i) sd_event_run(loop_.get(), 100'000);
  EXPECT_EQ(server_->connections(), 1U);
  EXPECT_FALSE(idle.closed());
}

TEST_F(ApiServerTest, ADumpThatIsReadSlowlyGoesOn) {
  make_long(800, 1500);
  start({.stall = milliseconds(1000)});
  const Client slow(path_);
  slow.send(get_request(NLM_F_DUMP));
  const auto begin = std::chrono::steady_clock::now();
  bool done = false;
  for (int i = 0; i < 1000 && !done; ++i) {
    ::usleep(50'000);
    settle();
    const auto packet = slow.receive();
    ASSERT_TRUE(packet);
    done = headers_of(*packet).back().nlmsg_type == NLMSG_DONE;
  }
  EXPECT_TRUE(done);
  EXPECT_GT(std::chrono::steady_clock::now() - begin, milliseconds(1500)) << "too short to show it";
}

// Subscriptions

TEST_F(ApiServerTest, SubscribersAreToldOfChanges) {
  start();
  const Client listener(path_);
  const Client other(path_);
  const Client setter(path_);
  EXPECT_EQ(code_of(answer_to(listener, subscription())), 0);
  EXPECT_EQ(code_of(answer_to(setter, set_request())), 0);
  const Packet notice = listener.receive().value();
  EXPECT_EQ(notice, new_link(backend_.link(kUpper), true)) << "of sequence 0 and port 0";
  server_->announce_gone(9, "gone", false);
  EXPECT_EQ(listener.receive(), deleted_link(9, "gone"));
  server_->announce_gone(9, "gone", true);
  EXPECT_EQ(listener.receive(), departed_link(9, "gone"));
  EXPECT_EQ(other.receive(), std::nullopt);
}

TEST_F(ApiServerTest, ASubscriberIsToldOfItsOwnChangesToo) {
  start();
  const Client client(path_);
  EXPECT_EQ(code_of(answer_to(client, subscription())), 0);
  EXPECT_EQ(type_of(answer_to(client, set_request())), RTM_NEWLINK);
  EXPECT_EQ(code_of(client.receive().value()), 0);
}

TEST_F(ApiServerTest, ASlowSubscriberIsToldThatItLostSome) {
  start();
  const Client slow(path_);
  const Client quick(path_);
  EXPECT_EQ(code_of(answer_to(slow, subscription())), 0);
  EXPECT_EQ(code_of(answer_to(quick, subscription())), 0);
  constexpr int kChanges = 2000;
  for (int i = 0; i < kChanges; ++i) {
    server_->announce(backend_.link(kUpper));
    EXPECT_TRUE(quick.receive());
  }
  EXPECT_EQ(settle(), 0) << "there is no room yet";

  int told = 0;
  while (slow.receive()) ++told;
  EXPECT_GT(told, 50);
  EXPECT_LT(told, kChanges);
  settle();
  EXPECT_EQ(slow.receive(), overrun());
  EXPECT_EQ(slow.receive(), std::nullopt);
  EXPECT_EQ(quick.receive(), std::nullopt);
  EXPECT_EQ(code_of(answer_to(slow, set_request({}, 0))), -1);
  EXPECT_EQ(slow.receive(), std::nullopt) << "the change, and nothing else";
}

TEST_F(ApiServerTest, ASubscriberThatIsGoneIsForgotten) {
  start();
  {
    const Client client(path_);
    EXPECT_EQ(code_of(answer_to(client, subscription())), 0);
  }
  server_->announce(backend_.link(kUpper));
  settle();
  EXPECT_EQ(server_->connections(), 0U);
}

// Many

TEST_F(ApiServerTest, AThousandConnections) {
  start();
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < kConnections; ++i) clients.push_back(std::make_unique<Client>(path_));
  settle();
  EXPECT_EQ(server_->connections(), kConnections);
  for (const auto& client : clients) client->send(set_request());
  settle();
  for (const auto& client : clients) ASSERT_EQ(code_of(client->receive().value()), 0);

  const Client beyond(path_);
  settle();
  EXPECT_TRUE(beyond.closed());
  EXPECT_EQ(server_->connections(), kConnections);
  clients.pop_back();
  expect_works();
}

TEST_F(ApiServerTest, WithoutFileDescriptorsItWaits) {
  start();
  const Client served(path_);
  settle();
  // Waits in the queue: it takes the server a descriptor to accept it.
  const Client waiting(path_);
  rlimit before{};
  checked(::getrlimit(RLIMIT_NOFILE, &before), "getrlimit");
  const rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
  checked(::setrlimit(RLIMIT_NOFILE, &none), "setrlimit");
  const int turns = settle(1000);
  const auto answer = answer_to(served, set_request());
  const std::size_t connections = server_->connections();
  checked(::setrlimit(RLIMIT_NOFILE, &before), "setrlimit");
  EXPECT_LE(turns, 2);
  EXPECT_EQ(code_of(answer), 0);
  EXPECT_EQ(connections, 1U);
  for (int i = 0; i < 50 && server_->connections() == 1; ++i) sd_event_run(loop_.get(), 100'000);
  EXPECT_EQ(code_of(answer_to(waiting, set_request())), 0);
}

TEST_F(ApiServerTest, IsAsleepWhileNobodyAsks) {
  make_long(500, 1500);
  start({.stall = milliseconds(500)});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(path_));
    clients.back()->send(i % 2 ? subscription() : get_request(NLM_F_DUMP));
    for (int round = 0; round < 100; ++round) {
      settle();
      while (clients.back()->receive()) {
      }
    }
  }
  constexpr std::uint64_t kLongerThanAnyTimer = 1'500'000;
  EXPECT_EQ(sd_event_run(loop_.get(), kLongerThanAnyTimer), 0);
}

// The socket's file

mode_t mode_of(const std::string& path) {
  struct stat file {};
  checked(::stat(path.c_str(), &file), "stat");
  return file.st_mode & 07777;
}

TEST_F(ApiServerTest, OnlyOwnerAndGroupMayConnect) {
  path_ = directory_.path() + "/run/api.sock";
  start();
  EXPECT_EQ(mode_of(path_), 0660U);
  EXPECT_EQ(mode_of(directory_.path() + "/run"), 0750U);
}

TEST_F(ApiServerTest, TheGroupIsSet) {
  if (::geteuid() != 0) GTEST_SKIP() << "gives files away, for which it has to be root";
  path_ = directory_.path() + "/run/api.sock";
  server_ = must(ApiServer::create(loop_.get(), {.path = path_, .group = "72001"}, backend_));
  struct stat file {};
  checked(::stat(path_.c_str(), &file), "stat");
  EXPECT_EQ(file.st_gid, 72001U);
  checked(::stat((directory_.path() + "/run").c_str(), &file), "stat");
  EXPECT_EQ(file.st_gid, 72001U) << "else the group could not get to the socket";

  const std::string beside = directory_.file("beside.sock");
  const auto other = must(ApiServer::create(loop_.get(), {.path = beside, .group = "72001"}, backend_));
  checked(::stat(directory_.path().c_str(), &file), "stat");
  EXPECT_NE(file.st_gid, 72001U) << "a directory that was there stays whose it is";
}

TEST_F(ApiServerTest, UnknownGroupIsAnError) {
  const auto server = ApiServer::create(loop_.get(), {.path = path_, .group = "no-such-group"}, backend_);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().text, "no such group \"no-such-group\"");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

// What a process leaves that was killed.
void leave_socket(const std::string& path) {
  const Fd fd = test::checked_fd(::socket(AF_UNIX, SOCK_SEQPACKET, 0), "socket");
  const auto address = must(api_address(path));
  checked(::bind(fd.get(), generic(address), sizeof(address)), "bind");
  checked(::listen(fd.get(), 1), "listen");
}

TEST_F(ApiServerTest, ASocketThatWasLeftBehindIsReplaced) {
  leave_socket(path_);
  start();
  expect_works();
}

TEST_F(ApiServerTest, ASocketInUseIsLeftAlone) {
  start();
  const auto second = ApiServer::create(loop_.get(), {.path = path_}, backend_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
  EXPECT_EQ(second.error().text,
            "API socket " + path_ + ": process " + std::to_string(::getpid()) + " serves it already");
  expect_works();
}

TEST_F(ApiServerTest, ASocketOfAnotherKindIsLeftAlone) {
  const Fd fd = test::checked_fd(::socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  const auto address = must(api_address(path_));
  checked(::bind(fd.get(), generic(address), sizeof(address)), "bind");
  checked(::listen(fd.get(), 1), "listen");
  const auto server = ApiServer::create(loop_.get(), {.path = path_}, backend_);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, EADDRINUSE);
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ApiServerTest, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "kept";
  const auto server = ApiServer::create(loop_.get(), {.path = path_}, backend_);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, EEXIST);
  EXPECT_EQ(server.error().text, "API socket " + path_ + ": is there, and no socket");
  EXPECT_EQ(std::filesystem::file_size(path_), 4U);
}

TEST_F(ApiServerTest, APathThatIsTooLongIsAnError) {
  const auto server = ApiServer::create(loop_.get(), {.path = std::string(108, 'x')}, backend_);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().exit, Exit::usage);
}

TEST_F(ApiServerTest, TheFileGoesWithTheServer) {
  start();
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ApiServerTest, ASuccessorsFileStays) {
  start();
  std::filesystem::remove(path_);
  leave_socket(path_);
  server_.reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ApiServerTest, SystemdsSocketIsTaken) {
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    const Fd passed(::socket(AF_UNIX, SOCK_SEQPACKET, 0));
    const auto address = must(api_address(path_));
    if (::bind(passed.get(), generic(address), sizeof(address)) != 0 || ::listen(passed.get(), 1) != 0) ::_exit(1);
    if (passed.get() != 3 && ::dup2(passed.get(), 3) != 3) ::_exit(2);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    auto listener = ApiListener::open("/no/such/directory/api.sock", std::nullopt);
    ::_exit(!listener ? 3 : listener->fd() != 3 ? 4 : ::getenv("LISTEN_FDS") ? 5 : 0);
  }
  int status = 0;
  checked(::waitpid(child, &status, 0), "waitpid");
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(std::filesystem::exists(path_)) << "and stays systemd's";
}

}  // namespace
}  // namespace rxf::daemon
