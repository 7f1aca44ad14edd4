// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/daemon_fixture.h"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/enforcement.h"
#include "tests/support/must.h"
#include "tests/support/requirements.h"

namespace rxf::test {

void DaemonFixture::SetUp() {
  for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
    if (!why.empty()) GTEST_SKIP() << why;
  bpffs_.emplace();
  directory_.emplace();
  for (auto* scratch : {&elsewhere_, &home_}) {
    scratch->emplace();
    must_run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
  }
}

void DaemonFixture::TearDown() {
  if (HasFailure() && daemon_) std::fprintf(stderr, "the daemon's log:\n%s", daemon_->log().c_str());
  daemon_.reset();
  home_.reset();
  elsewhere_.reset();
}

void DaemonFixture::make_lower(const std::string& name) {
  must_run("ip link add " + name + " type veth peer name " + name + "-far && ip link set " + name +
           "-far up && ip link set " + name + " up");
}

void DaemonFixture::make_upper(const std::string& lower, const std::string& name, const MacAddress& address,
                               const std::string& mode) {
  must_run("ip link add link " + lower + " name " + name + " address " + to_string(address) + " type macvlan mode " +
           mode + " && ip link set " + name + " up");
}

FilterSet DaemonFixture::filter(unsigned number) {
  const auto low = static_cast<std::uint8_t>(number);
  FilterSet set;
  set.addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true},
                                .unicast = {{{0x02, 0xbb, 0, 0, 0, low}}},
                                .multicast = {{{0x01, 0x00, 0x5e, 1, 0, low}}}};
  set.vlans = VlanSet{};
  set.vlans->insert(static_cast<std::uint16_t>(1 + number % 4000));
  return set;
}

void DaemonFixture::set(const std::string& upper, const FilterSet& filter) {
  (void)must(mirror::set({.bpffs = bpffs_->path()}, upper, {.whole = filter}));
}

DaemonProcess& DaemonFixture::start(std::vector<std::string> arguments) {
  return start(DaemonProcess::Options{.arguments = std::move(arguments)});
}

DaemonProcess& DaemonFixture::start(DaemonProcess::Options options) {
  if (std::ranges::find(options.arguments, "--look") == options.arguments.end()) {
    options.arguments.emplace_back("--look");
    options.arguments.emplace_back("3600");
  }
  daemon_.reset();
  daemon_.emplace(bpffs_->path(), directory_->path(), options);
  if (!daemon_->wait_for("READY=1")) throw std::runtime_error("the daemon is not ready: " + daemon_->log());
  return *daemon_;
}

CommandResult DaemonFixture::loader(const std::string& arguments) const {
  return LoaderCommand(bpffs_->path()).run("--api '" + api() + "' " + arguments);
}

bool DaemonFixture::eventually(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kStep{5};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (holds()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kStep);
  }
}

bool DaemonFixture::is_attached(const std::string& device) const {
  const auto devices = must(mirror::attached_devices({.bpffs = bpffs_->path()}));
  return std::ranges::find(devices, device) != devices.end();
}

void DaemonFixture::expect_followed(const std::string& lower, const std::string& what) {
  std::vector<std::string> problems;
  eventually([&] { return (problems = enforcement_problems(bpffs_->path(), lower)).empty(); });
  EXPECT_EQ(problems, std::vector<std::string>{}) << what;
}

}  // namespace rxf::test
