// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/guest_fixture.h"

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "loader/daemon/api_client.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

// QEMU's answers are waited for elsewhere: these tests wait for nothing but what is announced, or say so.
constexpr const char* kNoPoll = "poll = 3600\n";

}  // namespace

void GuestFixture::SetUp() {
  DaemonFixture::SetUp();
  if (IsSkipped()) return;
  std::filesystem::create_directory(directory_->file("conf"));
  make_lower("low");
  start({"--attach", "low"});
}

void GuestFixture::TearDown() {
  if (HasFailure() && guests_) std::fprintf(stderr, "the log of rxfilter-guest:\n%s", guests_->log().c_str());
  guests_.reset();
  qemus_.clear();
  DaemonFixture::TearDown();
}

FakeNic GuestFixture::wanting(unsigned number) {
  FakeNic nic{.main_mac = upper_address(number)};
  nic.multicast_table.insert(group_address(number));
  return nic.on_vlan(static_cast<std::uint16_t>(1 + number % 4000));
}

FilterSet GuestFixture::granted_for(const FakeNic& nic) {
  FilterSet filter{.addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true},
                                              .unicast = {},
                                              .multicast = nic.multicast_table}};
  filter.vlans = VlanSet{};
  for (const std::uint16_t vid : nic.vlan_table) filter.vlans->insert(vid);
  return filter;
}

FilterSet GuestFixture::safe() {
  return {.addresses = AddressFilter{.flags = {.broadcast = true, .multicast = true, .allmulti = true}},
          .vlans = VlanSet{}};
}

FakeQmp& GuestFixture::add_guest(unsigned number, const std::string& settings) {
  make_upper("low", upper_name(number), upper_address(number));
  qemus_[number] = std::make_unique<FakeQmp>(directory_->file(upper_name(number) + ".qmp"), wanting(number));
  write_settings(number, settings);
  return qemu(number);
}

void GuestFixture::write_settings(unsigned number, const std::string& settings) {
  std::ofstream file(directory_->file("conf/" + upper_name(number) + ".conf"));
  file << "upper = \"" << upper_name(number) << "\"\nqmp = \"" << qemu(number).path() << "\"\n" << settings;
  if (!settings.contains("poll")) file << kNoPoll;
}

void GuestFixture::remove_settings(unsigned number) const {
  std::filesystem::remove(directory_->file("conf/" + upper_name(number) + ".conf"));
}

GuestProcess& GuestFixture::follow(GuestProcess::Options options) {
  options.arguments.push_back(directory_->file("conf"));
  guests_.reset();
  guests_.emplace(api(), directory_->path(), options);
  if (!guests_->wait_for("READY=1")) throw std::runtime_error("rxfilter-guest is not ready: " + guests_->log());
  return *guests_;
}

bool GuestFixture::reload() {
  guests().forget_notified();
  guests().signal(SIGHUP);
  return guests().wait_for("RELOADING=1") && guests().wait_for("READY=1");
}

FilterSet GuestFixture::in_force(unsigned number) const {
  auto client = must(daemon::ApiClient::connect(api()));
  return must(client.get({.name = upper_name(number)})).filter.value_or(FilterSet{});
}

void GuestFixture::set_by_hand(unsigned number, const FilterSet& filter) const {
  auto client = must(daemon::ApiClient::connect(api()));
  (void)must(client.set({.name = upper_name(number)}, exactly(filter)));
}

bool GuestFixture::becomes(unsigned number, const FilterSet& filter, std::chrono::milliseconds patience) {
  return eventually([&] { return in_force(number) == filter; }, patience);
}

bool GuestFixture::eventually(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  const auto reading = [&] {
    if (guests_) guests_->read_notified();
    return holds();
  };
  return DaemonFixture::eventually(reading, patience);
}

guest::GuestReport GuestFixture::report(unsigned number) {
  std::optional<guest::GuestReport> found;
  if (!eventually([&] { return (found = guests().report(upper_name(number))).has_value(); }))
    throw std::runtime_error("no report of " + upper_name(number));
  return *found;
}

bool GuestFixture::reports(unsigned number, const std::string& state, std::chrono::milliseconds patience) {
  return eventually(
      [&] {
        const auto report = guests().report(upper_name(number));
        return report && report->state == state;
      },
      patience);
}

bool GuestFixture::logs(const std::vector<std::string>& parts, std::chrono::milliseconds patience) {
  return eventually([&] { return guests().logged(parts) > 0; }, patience);
}

}  // namespace rxf::test
