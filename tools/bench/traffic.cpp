// SPDX-License-Identifier: GPL-2.0-only
#include "tools/bench/traffic.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/must.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/system_call.h"

namespace rxf::bench {
namespace {

constexpr double kMeasured = 0.2;  // seconds
constexpr std::uint16_t kPort = 9;
constexpr unsigned kBatch = 64;
constexpr std::size_t kSmallPayload = 22;  // a frame of 64 bytes
constexpr std::size_t kChunk = 128 * 1024;
constexpr const char* kFar = "10.9.0.1";
constexpr const char* kUpper = "10.9.0.2";

sockaddr_in address(const char* text) {
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(kPort);
  inet_pton(AF_INET, text, &there.sin_addr);
  return there;
}

const sockaddr* generic(const sockaddr_in& there) { return reinterpret_cast<const sockaddr*>(&there); }

Fd open_socket(int type) {
  Fd socket = test::checked_fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const timeval patience{.tv_sec = 0, .tv_usec = 20'000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  return socket;
}

Fd bound_socket(int type) {
  Fd socket = open_socket(type);
  const int buffer = 8 << 20;
  if (type == SOCK_DGRAM) ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  const sockaddr_in here = address(kUpper);
  test::checked(::bind(socket.get(), generic(here), sizeof(here)), "bind");
  return socket;
}

// The sender, and the softirq that its packets run in, on one CPU; the receiver on another.
void stay_on(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu % std::max(1U, std::thread::hardware_concurrency()), &set);
  (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

// Of the calling thread; what its packets cost in softirqs, up to the receiver's socket, is in it. Unlike the time of
// day it does not count what else the machine does.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Runs `send` (a batch a call) in the far namespace for a while and gives what `receive` added up meanwhile, a second
// of the sender's.
template <class Send, class Receive>
double rate(int far_namespace, Send send, Receive receive) {
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> received = 0;
  std::thread receiver([&] {
    stay_on(1);
    while (!done) received += receive();
  });
  double seconds = 0;
  std::thread sender([&] {
    stay_on(0);
    const test::NamespaceSwitch there(far_namespace);
    send();
    const std::uint64_t before = received;
    const double start = cpu_seconds();
    while (cpu_seconds() - start < kMeasured) send();
    seconds = (cpu_seconds() - start) / static_cast<double>(received - before);
  });
  sender.join();
  done = true;
  receiver.join();
  return 1 / seconds;
}

// Packets a second that the upper's socket received.
double small_packets(int far_namespace) {
  const Fd inbound = bound_socket(SOCK_DGRAM);
  Fd outbound;
  {
    const test::NamespaceSwitch there(far_namespace);
    outbound = open_socket(SOCK_DGRAM);
    const sockaddr_in target = address(kUpper);
    test::checked(::connect(outbound.get(), generic(target), sizeof(target)), "connect");
  }
  std::array<char, kSmallPayload> payload{};
  std::array<char, 2048> sink{};
  iovec out{.iov_base = payload.data(), .iov_len = payload.size()};
  iovec in{.iov_base = sink.data(), .iov_len = sink.size()};
  std::array<mmsghdr, kBatch> messages{}, results{};
  for (mmsghdr& message : messages) message.msg_hdr = {.msg_iov = &out, .msg_iovlen = 1};
  for (mmsghdr& result : results) result.msg_hdr = {.msg_iov = &in, .msg_iovlen = 1};
  return rate(
      far_namespace, [&] { (void)::sendmmsg(outbound.get(), messages.data(), kBatch, 0); },
      [&]() -> std::uint64_t {
        const int got = ::recvmmsg(inbound.get(), results.data(), kBatch, MSG_WAITFORONE, nullptr);
        return got > 0 ? static_cast<std::uint64_t>(got) : 0;
      });
}

// Bits a second over one connection.
double tcp(int far_namespace) {
  const Fd listener = bound_socket(SOCK_STREAM);
  test::checked(::listen(listener.get(), 1), "listen");
  Fd outbound;
  {
    const test::NamespaceSwitch there(far_namespace);
    outbound = open_socket(SOCK_STREAM);
    const sockaddr_in target = address(kUpper);
    test::checked(::connect(outbound.get(), generic(target), sizeof(target)), "connect");
  }
  const Fd inbound = test::checked_fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept");
  const timeval patience{.tv_sec = 0, .tv_usec = 20'000};
  ::setsockopt(inbound.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const std::vector<char> payload(kChunk);
  std::vector<char> sink(kChunk);
  return rate(
      far_namespace, [&] { (void)::send(outbound.get(), payload.data(), payload.size(), MSG_NOSIGNAL); },
      [&]() -> std::uint64_t {
        const auto got = ::recv(inbound.get(), sink.data(), sink.size(), 0);
        return got > 0 ? static_cast<std::uint64_t>(got) * 8 : 0;
      });
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

struct Series {
  const char* name;
  const char* unit;
  double scale;
  double (*measure)(int far_namespace);
  std::vector<double> without{}, ratios{};
};

FilterEdit typical_filter() {
  AddressSet unicast;
  for (std::uint8_t i = 0; i < 8; ++i) unicast.insert({{0x06, 0, 0, 0, 0, i}});
  FilterEdit edit;
  edit.unicast = ListEdit<AddressSet>{.replace = true, .add = unicast, .remove = {}};
  edit.vlans = ListEdit<VlanSet>{.replace = true, .add = *VlanSet::parse("42,100-109"), .remove = {}};
  return edit;
}

// far ==veth== lower <-- upper (macvlan), the two ends in two namespaces.
void bench_mode(const std::string& mode, const mirror::Context& context, int rounds) {
  const test::ScratchNamespace far;
  test::must_run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
  const int far_namespace = far.fd();
  const test::ScratchNamespace near;
  test::must_run(
      "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 &&"
      "ip link add lower type veth peer name far && ip link set lower up &&"
      "ip link add link lower name upper type macvlan mode " +
      mode + " && ip link set upper up && ip addr add " + kUpper +
      "/24 dev upper &&"
      "ip link set far netns /proc/" +
      std::to_string(::getpid()) + "/fd/" + std::to_string(far_namespace));
  {
    const test::NamespaceSwitch there(far_namespace);
    test::must_run(std::string("ip addr add ") + kFar + "/24 dev far && ip link set far up");
  }
  std::array<Series, 2> series = {{{"small packets", "Mpps", 1e-6, small_packets}, {"TCP", "Gb/s", 1e-9, tcp}}};
  for (int round = 0; round < rounds; ++round) {
    std::array<double, 2> without{};
    for (std::size_t i = 0; i < series.size(); ++i) without.at(i) = series.at(i).measure(far_namespace);
    (void)test::must(mirror::attach(context, "lower", {}));
    (void)test::must(mirror::set(context, "upper", typical_filter()));
    for (std::size_t i = 0; i < series.size(); ++i) {
      series.at(i).without.push_back(without.at(i));
      series.at(i).ratios.push_back(series.at(i).measure(far_namespace) / without.at(i));
    }
    (void)test::must(mirror::detach(context, "lower"));
  }
  for (const Series& one : series)
    std::printf("%-9s %-14s %6.3f x   (%.3f .. %.3f)   unattached %.2f %s\n", mode.c_str(), one.name,
                quantile(one.ratios, 0.5), quantile(one.ratios, 0.25), quantile(one.ratios, 0.75),
                quantile(one.without, 0.5) * one.scale, one.unit);
}

}  // namespace

void traffic(int rounds) {
  const test::ScratchBpffs pins;
  std::printf("\nattached (auto) over unattached, veth to a macvlan: median (quartiles) of %d pairs\n", rounds);
  for (const char* mode : {"passthru", "bridge", "vepa", "private"}) bench_mode(mode, {.bpffs = pins.path()}, rounds);
}

}  // namespace rxf::bench
