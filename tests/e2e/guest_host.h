// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "loader/mirror/operations.h"
#include "tests/e2e/guest_probes.h"
#include "tests/e2e/query_record.h"
#include "tests/support/daemon_process.h"
#include "tests/support/guest_process.h"
#include "tests/support/qemu_guest.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/topology.h"

namespace rxf::test {

// The whole product around real guests, in scratch namespaces:
//
//   far ==veth== lower <-- upper, sibling: macvtaps, each with a guest in QEMU
//
// with `rxfilter-loader run` attached to lower, and `rxfilter-guest run` following the guests. `far` is in a namespace
// of its own, with kFar. What it does not say is std::runtime_error.
class GuestHost {
 public:
  static constexpr const char* kFar = "10.9.0.254";
  static constexpr MacAddress kFarAddress = {{0x02, 0xee, 0, 0, 0, 1}};
  static constexpr MacAddress kSiblingAddress = {{0x02, 0xaa, 0, 0, 0, 2}};
  static constexpr std::chrono::seconds kPatience{60};
  // Settings with which what is followed within a test was announced, and is not put off.
  static constexpr const char* kAtOnce = "changes = 100\npoll = 3600\n";

  // passthru: upper alone. bridge: both.
  explicit GuestHost(Uppers uppers);
  ~GuestHost();

  struct Guest {
    std::string upper;
    MacAddress own;
    std::string ip;
    std::vector<Probe> probes;
    std::optional<QemuGuest> machine;
    std::optional<QueryRecord> record;
  };
  // Starts a guest behind `upper`; it boots meanwhile. `settings` are lines for its file.
  Guest& add(const std::string& upper, const std::string& settings, const std::string& nic_options = "");
  // Starts rxfilter-guest with the guests that were added, or has it read their files again.
  void follow();
  void change_settings(const Guest& guest, const std::string& settings);
  // From a booted guest to one with its device up and an address.
  void bring_up(Guest& guest);

  // Filter set in force for this upper.
  [[nodiscard]] FilterSet filter(const Guest& guest) const;

  enum class Link { up, away };  // away: nobody there answers
  // Does that, and waits until what is in force accepts these of the guest's probes and no others; meanwhile not one
  // echo may be lost. Then sends all probes from far and counts: what the guard admits, and what it or the early drop
  // drops, and why, is as the reference verdict says. Last, ARP from nothing, and echo. `step` is said where it is not
  // so.
  void expect_after(Guest& guest, const std::string& step, const std::function<void()>& work, const Names& wanted,
                    Link link = Link::up);

  // What comes out of the guest's NIC, of all probes: by the agent.
  [[nodiscard]] Names heard_in(Guest& guest);

  // What rxfilter-guest says of it; nothing where it has not said anything.
  [[nodiscard]] guest::GuestReport report(const Guest& guest) const;
  static bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds patience = kPatience);

  [[nodiscard]] mirror::Context context() const { return {.bpffs = bpffs_.path()}; }
  [[nodiscard]] std::string api() const;  // the daemon's
  [[nodiscard]] std::string logs() const;

 private:
  struct Tally;
  [[nodiscard]] Tally tally(const std::string& upper) const;
  [[nodiscard]] std::string counted(const Guest& guest, const Probe& probe, bool wanted);
  void wait_until_accepted(const Guest& guest, const std::string& step, const Names& wanted) const;
  void expect_counted(const Guest& guest, const std::string& step, const Names& wanted);
  void expect_reachable(const Guest& guest, const std::string& step) const;
  void know_each_other(const Guest& guest) const;

  ScratchBpffs bpffs_;
  ScratchDirectory directory_;
  ScratchNamespace outside_;
  ScratchNamespace home_;
  bool alone_;  // in passthru mode: each frame is judged once
  std::optional<DaemonProcess> daemon_;
  std::deque<Guest> guests_;
  std::optional<GuestProcess> follower_;
  std::optional<FrameSender> sender_;
};

}  // namespace rxf::test
