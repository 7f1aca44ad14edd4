// SPDX-License-Identifier: GPL-2.0-only
#include "tools/bench/guest.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loader/daemon/api_client.h"
#include "loader/mirror/operations.h"
#include "tests/e2e/guest_host.h"
#include "tests/e2e/guest_needs.h"
#include "tests/support/command.h"
#include "tests/support/must.h"

namespace rxf::bench {
namespace {

using test::must;
using Clock = std::chrono::system_clock;  // QEMU's events are stamped by it

constexpr int kSamplesARound = 8;
// Well below the 10 changes a second that the default settings follow.
constexpr std::chrono::milliseconds kPause{250};
constexpr std::chrono::seconds kPatience{10};
constexpr const char* kGroup = "01:00:5e:01:02:03";

double milliseconds(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

struct Series {
  std::string name;
  std::vector<double> ms{};

  void print() const { std::printf("  %-58s %8.2f %8.2f\n", name.c_str(), quantile(ms, 0.5), quantile(ms, 0.99)); }
};

// What a guest can do, and how one sees that it is in force.
struct Change {
  std::string command;
  std::function<bool(const FilterSet&)> done;
  Series all;
  Series announced;  // of that, until QEMU announces it
  Series followed;   // and from there
};

bool has_group(const FilterSet& filter) {
  return filter.addresses && filter.addresses->multicast.contains(*MacAddress::parse(kGroup));
}
bool has_vlan(const FilterSet& filter) { return filter.vlans && filter.vlans->contains(test::kVid); }

class Bench {
 public:
  Bench();
  void run(int rounds);

 private:
  void measure(Change& change);
  void measure(Series& series, const std::function<void()>& work);
  void wait_until(const std::function<bool(const FilterSet&)>& done);
  void forget_news();
  // When QEMU first announced a change since the last time.
  Clock::time_point announced();

  test::GuestHost host_{test::Uppers::passthru};
  test::GuestHost::Guest& guest_ = host_.add("upper", "");
  std::optional<rxf::daemon::ApiClient> client_;
  std::optional<rxf::daemon::ApiClient> notices_;
};

Bench::Bench() {
  host_.follow();
  guest_.machine->wait_until_booted();
  host_.bring_up(guest_);
  guest_.machine->must_run("insmod /lib/modules/8021q.ko");
  // For the peer: a filter set that no guest has a say in.
  test::must_run(
      "ip link add other type veth peer name other-far && ip link set other up &&"
      "ip link add link other name peer type macvtap mode passthru && ip link set peer up");
  (void)must(mirror::attach(host_.context(), "other", {}));
  client_.emplace(must(rxf::daemon::ApiClient::connect(host_.api())));
  notices_.emplace(must(rxf::daemon::ApiClient::connect(host_.api())));
  must(notices_->subscribe());
}

void Bench::forget_news() {
  while (must(notices_->next(std::chrono::milliseconds(0)))) {
  }
  (void)guest_.machine->monitor().ask("query-status");
  (void)guest_.machine->monitor().take_events();
}

void Bench::wait_until(const std::function<bool(const FilterSet&)>& done) {
  for (;;) {
    const auto notice = must(notices_->next(kPatience));
    if (!notice) throw std::runtime_error("the guest is not followed: " + host_.logs());
    if (notice->link.name == guest_.upper && notice->link.filter && done(*notice->link.filter)) return;
  }
}

Clock::time_point Bench::announced() {
  (void)guest_.machine->monitor().ask("query-status");
  for (const auto& event : guest_.machine->monitor().take_events()) {
    if (event["event"] != "NIC_RX_FILTER_CHANGED") continue;
    const auto& stamp = event["timestamp"];
    return Clock::time_point(std::chrono::seconds(stamp["seconds"].get<std::int64_t>()) +
                             std::chrono::microseconds(stamp["microseconds"].get<std::int64_t>()));
  }
  throw std::runtime_error("QEMU has announced nothing");
}

void Bench::measure(Change& change) {
  std::this_thread::sleep_for(kPause);
  forget_news();
  const auto begin = Clock::now();
  guest_.machine->control().tell(change.command);
  wait_until(change.done);
  const auto end = Clock::now();
  const auto between = announced();
  change.all.ms.push_back(milliseconds(end - begin));
  change.announced.ms.push_back(milliseconds(between - begin));
  change.followed.ms.push_back(milliseconds(end - between));
}

void Bench::measure(Series& series, const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  series.ms.push_back(milliseconds(Clock::now() - begin));
}

Change change(const std::string& name, const std::string& command, const std::function<bool(const FilterSet&)>& done) {
  return {command, done, {name + ", to enforcement"}, {"  until QEMU announces it"}, {"  from there"}};
}

void Bench::run(int rounds) {
  std::vector<Change> changes = {
      change("group joined", std::string("join eth0 ") + kGroup + " 1", has_group),
      change("VLAN device made", "vlan eth0 42", has_vlan),
      change("group left", std::string("leave eth0 ") + kGroup + " 1", [](const auto& f) { return !has_group(f); }),
      change("VLAN device removed", "novlan eth0.42", [](const auto& f) { return !has_vlan(f); })};
  Series nothing{"a command to the guest that does nothing, and its answer"};
  Series query{"query-rx-filter, to QEMU's answer"};
  Series set{"the same change set through the API socket, to its reply"};
  for (int sample = 0; sample < rounds * kSamplesARound; ++sample) {
    for (Change& one : changes) measure(one);
    std::this_thread::sleep_for(kPause);
    measure(nothing, [&] { guest_.machine->must(std::string("join eth0 ") + kGroup + " 0"); });
    measure(query, [&] { (void)guest_.machine->monitor().ask("query-rx-filter"); });
    FilterSet filter = host_.filter(guest_);
    if (sample % 2 == 0) filter.addresses->multicast.insert(*MacAddress::parse(kGroup));
    measure(set, [&] { (void)must(client_->set({.name = "peer"}, exactly(filter))); });
  }
  std::printf("\na guest in QEMU (emulated), from its command to enforcement: ms, %d samples each, in turn\n",
              rounds * kSamplesARound);
  std::printf("  %-58s %8s %8s\n", "", "p50", "p99");
  for (const Change& one : changes)
    for (const Series* series : {&one.all, &one.announced, &one.followed}) series->print();
  for (const Series* series : {&nothing, &query, &set}) series->print();
}

}  // namespace

void guest(int rounds) {
  if (const std::string why = test::why_no_e2e_tests(); !why.empty()) throw std::runtime_error(why);
  Bench().run(rounds);
}

}  // namespace rxf::bench
