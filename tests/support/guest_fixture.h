// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/daemon_fixture.h"
#include "tests/support/fake_qmp.h"
#include "tests/support/guest_process.h"

namespace rxf::test {

// The address of the upper of that number.
constexpr MacAddress upper_address(unsigned number) {
  return {{0x02, 0xaa, 0, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
}
constexpr MacAddress other_address(unsigned number) {
  return {{0x02, 0xbb, 0, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
}
constexpr MacAddress group_address(unsigned number) {
  return {{0x01, 0x00, 0x5e, 0x01, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
}

// Uppers "upN" on the lower device "low", the daemon, behind each upper a QMP server of a fake guest, and one
// rxfilter-guest for all of them.
class GuestFixture : public DaemonFixture {
 protected:
  void SetUp() override;
  void TearDown() override;

  static std::string upper_name(unsigned number) { return "up" + std::to_string(number); }
  // A NIC of the upper's address in a filter set that is that number's own.
  static FakeNic wanting(unsigned number);
  // What it gets with the policy's defaults.
  static FilterSet granted_for(const FakeNic& nic);
  // What a guest gets that has said nothing.
  static FilterSet safe();

  // The upper, its QEMU, and a settings file with these further lines.
  FakeQmp& add_guest(unsigned number, const std::string& settings = "");
  void write_settings(unsigned number, const std::string& settings);
  void remove_settings(unsigned number) const;
  [[nodiscard]] FakeQmp& qemu(unsigned number) { return *qemus_.at(number); }

  // All that were added. Returns when it is ready. Throws std::runtime_error with its log where it is not so in time.
  GuestProcess& follow(GuestProcess::Options options = {});
  [[nodiscard]] GuestProcess& guests() { return *guests_; }
  // SIGHUP; false where it is not ready again in time.
  bool reload();

  [[nodiscard]] FilterSet in_force(unsigned number) const;
  // As another client of the daemon.
  void set_by_hand(unsigned number, const FilterSet& filter) const;
  [[nodiscard]] bool becomes(unsigned number, const FilterSet& filter, std::chrono::milliseconds patience = kPatience);
  // Throws std::runtime_error where there is none for a while.
  [[nodiscard]] guest::GuestReport report(unsigned number);
  [[nodiscard]] bool reports(unsigned number, const std::string& state, std::chrono::milliseconds patience = kPatience);
  [[nodiscard]] bool logs(const std::vector<std::string>& parts, std::chrono::milliseconds patience = kPatience);

  // As above; what rxfilter-guest tells of its state is read meanwhile, as systemd does.
  bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds patience = kPatience);

  std::map<unsigned, std::unique_ptr<FakeQmp>> qemus_;
  std::optional<GuestProcess> guests_;
};

}  // namespace rxf::test
