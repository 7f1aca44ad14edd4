// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string>

#include "loader/model/mac_address.h"
#include "tests/support/child_process.h"
#include "tests/support/guest_control.h"
#include "tests/support/qmp_client.h"

namespace rxf::test {

// A virtual machine behind a macvtap, emulated by QEMU (no KVM): Linux with a virtio-net and an agent (guest_image.h),
// which sets nothing up by itself. Killed at the end. The macvtap has no rate of its own to be full at: what comes
// while the guest does not read is dropped behind the guard.
class QemuGuest {
 public:
  static constexpr const char* kNic = "nic0";  // the device's id in QEMU
  struct Options {
    std::string tap;  // of the calling thread's network namespace
    MacAddress address;
    std::string directory;  // for sockets and logs, which are called NAME.xxx
    std::string name = "guest";
    std::string nic_options;  // of virtio-net-pci: "ctrl_rx=off,ctrl_vlan=off"
  };

  // Returns while it boots. Throws std::system_error and std::runtime_error.
  explicit QemuGuest(const Options& options);

  // A monitor that nobody uses, for one client at a time.
  [[nodiscard]] std::string qmp() const { return files_ + ".qmp"; }
  // One of our own.
  QmpClient& monitor() { return *monitor_; }

  // Until the agent speaks: after the start, and after a reset.
  void wait_until_booted() { control_->wait_for_agent(); }
  [[nodiscard]] GuestControl& control() { return *control_; }
  // Standard output. Throws std::runtime_error where the status is not 0.
  std::string must(const std::string& command);
  // The same by the guest's shell.
  std::string must_run(const std::string& shell_command) { return must("sh " + shell_command); }

  // What its console shows, and what QEMU says.
  [[nodiscard]] std::string log() const;

  [[nodiscard]] pid_t pid() const { return process_->pid(); }

 private:
  std::string files_;
  std::optional<ChildProcess> process_;
  std::optional<GuestControl> control_;
  std::optional<QmpClient> monitor_;
};

}  // namespace rxf::test
