// SPDX-License-Identifier: GPL-2.0-only
#include "tools/bench/daemon.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loader/daemon/api_client.h"
#include "loader/datapath/rule_maps.h"
#include "loader/mirror/operations.h"
#include "loader/netlink/links.h"
#include "loader/netlink/message.h"
#include "loader/netlink/socket.h"
#include "tests/support/command.h"
#include "tests/support/daemon_process.h"
#include "tests/support/must.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/scratch_namespace.h"

namespace rxf::bench {
namespace {

using Clock = std::chrono::steady_clock;
using test::must;

constexpr int kLowers = 64;
constexpr int kUppersEach = 8;
constexpr int kSamplesARound = 16;
constexpr std::chrono::milliseconds kPause{30};
constexpr std::chrono::microseconds kStep{100};
constexpr std::chrono::seconds kPatience{10};

std::string lower_name(int lower) { return "low" + std::to_string(lower); }
std::string upper_name(int lower, int upper) { return "up" + std::to_string(lower) + "x" + std::to_string(upper); }

MacAddress address(int lower, int upper, int number) {
  return {{0x02, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number), 0,
           static_cast<std::uint8_t>(lower), static_cast<std::uint8_t>(upper)}};
}

// What a guest asks for: some groups, a further address, a few VLANs.
FilterSet typical(int lower, int upper, int number) {
  FilterSet set;
  set.addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true}};
  for (int i = 0; i < 2 + number % 2; ++i) set.addresses->unicast.insert(address(lower, upper, 0x1000 + i));
  for (std::uint8_t i = 0; i < 6 + number % 2; ++i)
    set.addresses->multicast.insert({{0x33, 0x33, 0, 0, i, static_cast<std::uint8_t>(upper)}});
  set.vlans = *VlanSet::parse(number % 2 == 0 ? "42,100-109" : "42,200-204");
  return set;
}

void make_links(const test::ScratchDirectory& directory) {
  test::must_run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
  const std::string file = directory.file("links");
  std::ofstream batch(file);
  for (int lower = 0; lower < kLowers; ++lower) {
    batch << "link add " << lower_name(lower) << " type veth peer name far" << lower << "\nlink set far" << lower
          << " up\nlink set " << lower_name(lower) << " up\n";
    for (int upper = 0; upper < kUppersEach; ++upper)
      batch << "link add link " << lower_name(lower) << " name " << upper_name(lower, upper) << " address "
            << to_string(address(lower, upper, 0)) << " type macvlan mode bridge\nlink set " << upper_name(lower, upper)
            << " up\n";
  }
  batch.close();
  test::must_run("ip -batch " + file);
}

double milliseconds(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Series {
  const char* name;
  std::function<void(int lower, int upper, int number)> once;
  std::vector<double> ms{};
};

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

class Bench {
 public:
  Bench();
  void run(int rounds);

 private:
  void set_through_api(int lower, int upper, int number);
  void set_here(int lower, int upper, int number);
  void change_address(int lower, int upper, int number);
  void set_same_mtu(int lower, int upper);
  void set_link(std::uint32_t ifindex, const std::function<void(netlink::Message&)>& put);

  test::ScratchNamespace namespace_;
  test::ScratchBpffs bpffs_;
  test::ScratchDirectory directory_;
  mirror::Context context_{.bpffs = bpffs_.path()};
  std::optional<test::DaemonProcess> daemon_;
  std::optional<rxf::daemon::ApiClient> client_;
  std::optional<netlink::Socket> socket_;
  std::vector<datapath::RuleMaps> maps_;        // by lower device
  std::vector<std::vector<std::uint32_t>> up_;  // ifindex, by lower device and upper
};

Bench::Bench() {
  make_links(directory_);
  std::string devices;
  for (int lower = 0; lower < kLowers; ++lower) devices += (lower == 0 ? "" : ",") + lower_name(lower);
  daemon_.emplace(bpffs_.path(), directory_.path(), test::DaemonProcess::Options{.arguments = {"--attach", devices}});
  if (!daemon_->wait_for("READY=1", std::chrono::minutes(2))) throw std::runtime_error(daemon_->log());
  client_.emplace(must(rxf::daemon::ApiClient::connect(test::DaemonProcess::socket_in(directory_.path()))));
  socket_.emplace(must(netlink::Socket::open()));
  for (int lower = 0; lower < kLowers; ++lower) {
    up_.emplace_back();
    for (int upper = 0; upper < kUppersEach; ++upper) {
      set_through_api(lower, upper, 0);
      up_.back().push_back(must(netlink::link_by_name(*socket_, upper_name(lower, upper))).ifindex);
    }
    const auto status = must(mirror::status(context_, lower_name(lower)));
    maps_.push_back(must(datapath::RuleMaps::open(status.pin_directory)));
  }
}

void Bench::set_through_api(int lower, int upper, int number) {
  (void)must(client_->set({.name = upper_name(lower, upper)}, exactly(typical(lower, upper, number))));
}

void Bench::set_here(int lower, int upper, int number) {
  (void)must(mirror::set(context_, upper_name(lower, upper), {.whole = typical(lower, upper, number)}));
}

void Bench::set_link(std::uint32_t ifindex, const std::function<void(netlink::Message&)>& put) {
  netlink::Message message(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK);
  message.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(ifindex)});
  put(message);
  must(socket_->request(message.header()));
}

// Until the guard's rules have the new address, and no longer the old one.
void Bench::change_address(int lower, int upper, int number) {
  const std::uint32_t ifindex = up_[static_cast<std::size_t>(lower)][static_cast<std::size_t>(upper)];
  const auto& maps = maps_[static_cast<std::size_t>(lower)];
  const MacAddress wanted = address(lower, upper, number + 1);
  const auto index = must(maps.uppers()).at(ifindex).index;
  set_link(ifindex, [&](netlink::Message& message) { message.put(IFLA_ADDRESS, wanted.bytes); });
  const auto deadline = Clock::now() + kPatience;
  while (!must(maps.addresses())[maps.active(index)].contains(wanted)) {
    if (Clock::now() > deadline) throw std::runtime_error("the maps do not follow: " + daemon_->log());
    std::this_thread::sleep_for(kStep);
  }
}

void Bench::set_same_mtu(int lower, int upper) {
  constexpr std::uint32_t kMtu = 1500;
  set_link(up_[static_cast<std::size_t>(lower)][static_cast<std::size_t>(upper)],
           [](netlink::Message& message) { message.put_u32(IFLA_MTU, kMtu); });
}

void Bench::run(int rounds) {
  std::vector<Series> all = {
      {"set through the API socket, to its reply", [this](int l, int u, int n) { set_through_api(l, u, n); }},
      {"address of an upper changed, to followed maps", [this](int l, int u, int n) { change_address(l, u, n); }},
      {"the same set in-process", [this](int l, int u, int n) { set_here(l, u, n + 1); }},
      {"bare RTM_SETLINK", [this](int l, int u, int) { set_same_mtu(l, u); }}};
  int number = 1;
  for (int round = 0; round < rounds; ++round)
    for (int sample = 0; sample < kSamplesARound; ++sample, ++number)
      for (Series& one : all) {
        // What the one before leaves to be done is done then.
        std::this_thread::sleep_for(kPause);
        one.ms.push_back(milliseconds([&] { one.once(number % kLowers, number / kLowers % kUppersEach, number); }));
      }
  std::printf("\none daemon, %d lower devices, %d uppers: ms, %d samples each, in turn\n", kLowers,
              kLowers * kUppersEach, rounds * kSamplesARound);
  std::printf("  %-48s %8s %8s\n", "", "p50", "p99");
  for (const Series& one : all)
    std::printf("  %-48s %8.2f %8.2f\n", one.name, quantile(one.ms, 0.5), quantile(one.ms, 0.99));
}

}  // namespace

void daemon(int rounds) { Bench().run(rounds); }

}  // namespace rxf::bench
