// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/netlink/links.h"
#include "tools/guest/follow_lock.h"
#include "tools/guest/guest_report.h"
#include "tools/guest/guest_settings.h"
#include "tools/guest/problem.h"
#include "tools/guest/programmer.h"
#include "tools/guest/qmp_connection.h"
#include "tools/guest/query_pace.h"
#include "tools/guest/refusal_log.h"
#include "tools/guest/said_once.h"
#include "tools/guest/timer.h"

namespace rxf::guest {

// One guest interface that is followed: what QEMU tells of it is judged and put in force. Until QEMU has told
// something, and where its NIC can tell nothing, an upper without a filter set gets what is safe (request_of() of a
// guest that is silent), and one with a filter set keeps it. Nothing that goes wrong changes what is in force; it is
// tried again.
class Guest {
 public:
  struct Surroundings {  // of all guests
    sd_event* loop;
    Programmer& programmer;
    netlink::Socket& links;
    std::string state_directory;
    std::function<void(int priority, const std::string& line)> log;
    std::function<void()> told;  // a report was written
  };

  // What is in `around` outlives it.
  Guest(GuestSettings settings, FollowLock lock, const Surroundings& around);
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  // Looks at the upper for the first time, and makes for QEMU.
  void begin();
  // Judges anew, at once. QEMU's socket and the NIC's name are the same.
  void change(GuestSettings settings);
  // The link with the upper's name has changed, or may have.
  void saw_link(const netlink::Link& link);
  // At everything, anew.
  void look();
  void write_report();

  [[nodiscard]] const GuestSettings& settings() const { return settings_; }
  // Whether nothing is missing.
  [[nodiscard]] bool in_step() const;

 private:
  void hear(const QmpReady& ready);
  void hear(const QmpChanged& changed);
  void hear(const QmpReset& reset);
  void hear(const QmpLook& look);
  void hear(const QmpShutdown& shutdown);
  void hear(const QmpState& answer);
  void hear(const QmpUnsupported& answer);
  void hear(const QmpGarbage& garbage);
  void answers();
  void lose_qemu(const std::string& why);
  void begin_pace();

  void settle();
  bool read_in_force();
  [[nodiscard]] bool has_profile() const;
  [[nodiscard]] std::optional<FilterSet> wanted(const netlink::Link& upper);
  FilterSet judged(const netlink::Link& upper, const MacAddress& configured, const GuestRequest& request);
  [[nodiscard]] Owners owners(const netlink::Link& upper);
  void leave_out(Judgement& judgement, const std::map<MacAddress, std::string>& taken) const;
  [[nodiscard]] Refusal taken_refusal(const MacAddress& address, const std::string& why) const;
  void note_refusals();
  void meet(const netlink::Link& upper);
  void put_in_force(const FilterSet& wanted);
  void program(const FilterSet& wanted);

  void fail(const Failure& failure);
  void recover();
  void say(int priority, const std::string& text);
  void mark() { report_.start_unless_running(kReportPause); }
  [[nodiscard]] GuestReport report() const;
  struct State {
    const char* word;
    std::string why;
  };
  [[nodiscard]] State state() const;

  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kFirstAnswer{1};
  static constexpr std::chrono::minutes kQuiet{1};
  static constexpr std::chrono::milliseconds kReportPause{100};
  static constexpr std::chrono::seconds kRetry{1};      // where no daemon answers
  static constexpr std::chrono::seconds kSlowRetry{5};  // where it refuses: the lower device is not attached, say

  GuestSettings settings_;
  FollowLock lock_;
  const Surroundings& around_;

  // QEMU's side.
  std::unique_ptr<QmpConnection> qemu_;
  std::optional<QueryPace> pace_;
  GuestHistory history_;
  std::optional<GuestRequest> request_;  // asked for last
  std::string nic_;
  bool unsupported_ = false;  // the NIC cannot be asked
  bool answered_ = false;     // QEMU has, about the NIC
  bool ending_ = false;       // QEMU has said that it ends

  // The upper's side.
  std::uint32_t ifindex_ = 0;
  MacAddress address_;
  std::optional<FilterSet> in_force_;        // absent: not known
  FilterSet granted_;                        // the last that was known to be in force; in shadow, what would be
  bool ours_ = false;                        // we put that in force
  bool bare_ = false;                        // it had no filter set when it was first seen: what is safe is in force
  std::map<MacAddress, std::string> taken_;  // by whom we cannot see; forgotten at the next look

  std::vector<Refusal> refusals_;  // of the last judgement
  RefusalLog refusal_log_;
  SaidOnce garbage_;
  SaidOnce warnings_;
  SaidOnce lost_;
  Clock::time_point quiet_until_{};
  Problem qemu_problem_;
  Problem nic_problem_;
  Problem report_problem_;
  Problem upper_problem_;
  Trouble trouble_ = Trouble::refused;  // of upper_problem_
  GuestCounters counters_;
  std::uint64_t delayed_ = 0;  // of earlier paces

  Timer first_answer_;  // running: a guest that runs already is not to lose what it has for a moment
  Timer poll_;
  Timer retry_;
  Timer report_;
};

}  // namespace rxf::guest
