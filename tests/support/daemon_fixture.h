// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loader/model/filter_set.h"
#include "tests/support/daemon_process.h"
#include "tests/support/loader_command.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/scratch_namespace.h"

namespace rxf::test {

// Lower devices and uppers of the test's own making in a scratch namespace, and a daemon that looks at them by itself
// once an hour: what is followed was heard of.
class DaemonFixture : public testing::Test {
 protected:
  static constexpr std::chrono::seconds kPatience{30};

  void SetUp() override;
  void TearDown() override;

  // A veth pair, both up: `name` and `name`-far.
  static void make_lower(const std::string& name);
  // "ip link add ..." with a mode of macvlans, up.
  static void make_upper(const std::string& lower, const std::string& name, const MacAddress& address,
                         const std::string& mode = "bridge");
  // With some addresses, which depend on the number, and VLANs.
  static FilterSet filter(unsigned number);
  void set(const std::string& upper, const FilterSet& filter);

  // Returns when it is ready. Throws std::runtime_error with its log where it is not so in time.
  DaemonProcess& start(std::vector<std::string> arguments = {});
  DaemonProcess& start(DaemonProcess::Options options);
  [[nodiscard]] DaemonProcess& daemon() { return *daemon_; }
  [[nodiscard]] std::string api() const { return DaemonProcess::socket_in(directory_->path()); }
  // The command line, which finds the daemon.
  [[nodiscard]] CommandResult loader(const std::string& arguments) const;

  static bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds patience = kPatience);
  [[nodiscard]] bool is_attached(const std::string& device) const;
  // Within some seconds all that is in the maps and the kernel is what a plan from a fresh look asks for. `what` is
  // said where it is not.
  void expect_followed(const std::string& lower, const std::string& what);

  std::optional<ScratchBpffs> bpffs_;
  std::optional<ScratchDirectory> directory_;
  std::optional<ScratchNamespace> elsewhere_;
  std::optional<ScratchNamespace> home_;
  std::optional<DaemonProcess> daemon_;
};

}  // namespace rxf::test
