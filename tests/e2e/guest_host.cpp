// SPDX-License-Identifier: GPL-2.0-only
#include "tests/e2e/guest_host.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "loader/cli/filter_json.h"
#include "tests/e2e/steady_ping.h"
#include "tests/support/command.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

// How long a frame may take to be counted: macvlan hands multicast to a work queue in bridge mode. And how long it is
// waited for one that should not be counted.
constexpr std::chrono::seconds kCounted{5};
constexpr std::chrono::milliseconds kNotCounted{300};
constexpr std::chrono::milliseconds kSettled{200};
constexpr int kHeardQuietMs = 1'000;  // in an emulated guest

std::string make_links(Uppers uppers) {
  const std::string lower =
      "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 &&"
      "ip link add lower type veth peer name far && ip link set lower up";
  const auto upper = [](const std::string& name, const MacAddress& address, const std::string& mode) {
    return " && ip link add link lower name " + name + " type macvtap mode " + mode + " && ip link set " + name +
           " address " + to_string(address) + " && ip link set " + name + " up";
  };
  if (uppers == Uppers::passthru) return lower + upper("upper", Topology::kUpperAddress, "passthru");
  return lower + upper("upper", Topology::kUpperAddress, "bridge") +
         upper("sibling", GuestHost::kSiblingAddress, "bridge");
}

std::string path_of(const ScratchNamespace& space) {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(space.fd());
}

}  // namespace

// Of one upper's guard; what the early drop has dropped counts with it.
struct GuestHost::Tally {
  std::uint64_t admitted = 0;
  std::map<Verdict, std::uint64_t> dropped;

  [[nodiscard]] std::uint64_t sum() const {
    std::uint64_t all = admitted;
    for (const auto& [reason, count] : dropped) all += count;
    return all;
  }
};

GuestHost::GuestHost(Uppers uppers) : alone_(uppers == Uppers::passthru) {
  must_run(make_links(uppers));
  must_run("ip link set far netns " + path_of(outside_));
  daemon_.emplace(bpffs_.path(), directory_.path(), DaemonProcess::Options{.arguments = {"--attach", "lower"}});
  if (!daemon_->wait_for("READY=1")) throw std::runtime_error("the daemon is not ready: " + daemon_->log());
  std::filesystem::create_directory(directory_.file("settings"));
  const NamespaceSwitch there(outside_.fd());
  must_run("echo 1 > /proc/sys/net/ipv6/conf/far/disable_ipv6 && ip link set far address " + to_string(kFarAddress) +
           " && ip addr add " + kFar + "/24 dev far && ip link set far up");
  sender_.emplace(ifindex_of("far"));
}

GuestHost::~GuestHost() = default;

GuestHost::Guest& GuestHost::add(const std::string& upper, const std::string& settings,
                                 const std::string& nic_options) {
  const bool first = upper == "upper";
  Guest& guest = guests_.emplace_back();
  guest.upper = upper;
  guest.own = first ? Topology::kUpperAddress : kSiblingAddress;
  guest.ip = first ? "10.9.0.1" : "10.9.0.2";
  guest.probes = guest_probes(guest.own);
  guest.machine.emplace(QemuGuest::Options{
      .tap = upper, .address = guest.own, .directory = directory_.path(), .name = upper, .nic_options = nic_options});
  guest.record.emplace(*guest.machine, nic_options);
  change_settings(guest, settings);
  return guest;
}

void GuestHost::change_settings(const Guest& guest, const std::string& settings) {
  std::ofstream(directory_.file("settings/" + guest.upper + ".conf"))
      << "upper = " << guest.upper << "\nqmp = " << guest.machine->qmp() << "\nnic = " << QemuGuest::kNic << "\n"
      << settings;
}

void GuestHost::follow() {
  if (follower_) {
    follower_->signal(SIGHUP);
    return;
  }
  follower_.emplace(api(), directory_.path(), GuestProcess::Options{.arguments = {directory_.file("settings")}});
  if (!follower_->wait_for("READY=1")) throw std::runtime_error("rxfilter-guest is not ready: " + follower_->log());
}

// Neighbours that are known for good: nobody asks for them while frames are counted.
void GuestHost::know_each_other(const Guest& guest) const {
  const NamespaceSwitch there(outside_.fd());
  must_run("ip neigh replace " + guest.ip + " lladdr " + to_string(guest.own) + " dev far nud permanent");
}

void GuestHost::bring_up(Guest& guest) {
  // Of two guests on a wire, neither is to hear what the other has to say for itself.
  const std::string quiet = alone_ ? "" : "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6 && ";
  guest.machine->must_run(quiet + "ip addr add " + guest.ip + "/24 dev eth0 && ip link set eth0 up &&" +
                          "ip neigh replace " + kFar + " lladdr " + to_string(kFarAddress) + " dev eth0 nud permanent");
  know_each_other(guest);
}

FilterSet GuestHost::filter(const Guest& guest) const { return must(mirror::get(context(), guest.upper)); }

GuestHost::Tally GuestHost::tally(const std::string& upper) const {
  const auto status = must(mirror::status(context(), "lower"));
  Tally all;
  for (const auto& [reason, count] : status.early_counters.dropped) all.dropped[reason] += count.packets;
  for (const mirror::UpperStatus& one : status.uppers) {
    if (one.name != upper || !one.counters) continue;
    all.admitted = one.counters->admitted.packets;
    for (const auto& [reason, count] : one.counters->dropped) all.dropped[reason] += count.packets;
  }
  return all;
}

// A verdict's name, or what else was counted. Beside others a frame that is not for this upper may be counted nowhere.
std::string GuestHost::counted(const Guest& guest, const Probe& probe, bool wanted) {
  const Tally before = tally(guest.upper);
  send_probes(*sender_, std::span(&probe, 1));
  Tally after;
  eventually([&] { return (after = tally(guest.upper)).sum() >= before.sum() + kProbeFrames; },
             alone_ || wanted ? kCounted : kNotCounted);

  const std::uint64_t admitted = after.admitted - before.admitted;
  std::string text;
  if (admitted == kProbeFrames)
    text = to_string(Verdict::accept);
  else if (admitted != 0)
    text = std::to_string(admitted) + " admitted";
  for (const auto& [reason, count] : after.dropped) {
    const std::uint64_t dropped = count - before.dropped.at(reason);
    if (dropped == kProbeFrames)
      text += to_string(reason);
    else if (dropped != 0)
      text += std::to_string(dropped) + " dropped: " + std::string(to_string(reason));
  }
  return text;
}

void GuestHost::expect_after(Guest& guest, const std::string& step, const std::function<void()>& work,
                             const Names& wanted, Link link) {
  std::optional<SteadyPing> ping;
  if (link == Link::up) {
    const NamespaceSwitch there(outside_.fd());
    ping.emplace(guest.ip);
  }
  work();
  wait_until_accepted(guest, step, wanted);
  if (ping) {
    const SteadyPing::Count count = ping->stop();
    EXPECT_EQ(count.lost, 0U) << step << ": of " << count.sent << " echo requests";
  }
  guest.record->add(step);
  expect_counted(guest, step, wanted);
  if (link == Link::up) expect_reachable(guest, step);
}

// What follows from the same change, or from one that changes nothing here, may still come.
void GuestHost::wait_until_accepted(const Guest& guest, const std::string& step, const Names& wanted) const {
  const auto now = [&] { return accepted(reference_verdicts(filter(guest), guest.own, guest.probes)); };
  eventually([&] { return now() == wanted; });
  std::this_thread::sleep_for(kSettled);
  EXPECT_EQ(now(), wanted) << step << ": " << cli::to_json(filter(guest)).dump();
}

void GuestHost::expect_counted(const Guest& guest, const std::string& step, const Names& wanted) {
  const Verdicts reference = reference_verdicts(filter(guest), guest.own, guest.probes);
  Verdicts counts;
  for (const Probe& probe : guest.probes) counts[probe.name] = counted(guest, probe, wanted.contains(probe.name));
  if (alone_) {
    EXPECT_EQ(counts, reference) << step;
  }
  EXPECT_EQ(accepted(counts), wanted) << step;
}

void GuestHost::expect_reachable(const Guest& guest, const std::string& step) const {
  {
    const NamespaceSwitch there(outside_.fd());
    run("ip neigh del " + guest.ip + " dev far");
    const CommandResult result = run("busybox ping -c 3 -i 0.2 -W 5 " + guest.ip);
    EXPECT_EQ(result.status, 0) << step << ": " << result.out << result.err;
    EXPECT_NE(must_run("ip neigh show dev far").find(guest.ip + " lladdr " + to_string(guest.own)), std::string::npos)
        << step;
  }
  know_each_other(guest);
}

Names GuestHost::heard_in(Guest& guest) {
  guest.machine->must("listen eth0");
  send_probes(*sender_, guest.probes);
  std::istringstream lines(guest.machine->must("heard " + std::to_string(kHeardQuietMs)));
  Names names;
  std::size_t number = 0;
  unsigned count = 0;
  while (lines >> number >> count) {
    const std::string& name = guest.probes.at(number).name;
    EXPECT_EQ(count, kProbeFrames) << name;
    names.insert(name);
  }
  return names;
}

guest::GuestReport GuestHost::report(const Guest& guest) const {
  return follower_->report(guest.upper).value_or(guest::GuestReport{});
}

bool GuestHost::eventually(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kStep{5};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

std::string GuestHost::api() const { return DaemonProcess::socket_in(directory_.path()); }

std::string GuestHost::logs() const {
  std::string text = "rxfilter-loader:\n" + daemon_->log();
  if (follower_) text += "rxfilter-guest:\n" + follower_->log();
  for (const Guest& guest : guests_) text += guest.upper + ":\n" + guest.machine->log();
  return text;
}

}  // namespace rxf::test
