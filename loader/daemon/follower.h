// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "loader/daemon/event_loop.h"
#include "loader/daemon/pin_watch.h"
#include "loader/daemon/undo_timer.h"
#include "loader/mirror/operations.h"
#include "loader/netlink/link_monitor.h"
#include "loader/util/fd.h"

namespace rxf::daemon {

// Keeps every attached lower device in step with its links. What is heard only marks devices; each marked one is
// brought to what its links and filter sets say by mirror::follow(), one a turn of the loop, so that whoever else is
// served there waits for one device at most.
class Follower {
 public:
  struct Options {
    mirror::Context context;
    std::vector<std::string> kept;  // to be attached whenever they are there
    std::chrono::seconds look{60};  // between two looks at what no notification tells
  };
  // Whom it tells; all are there.
  struct Told {
    std::function<void(std::uint32_t ifindex)> set;                              // an upper's filter set, in the kernel
    std::function<void(const mirror::Departed& upper, bool moved)> gone;         // a filtered upper
    std::function<void(const std::string& device, const std::string&)> note;     // something happened
    std::function<void(const std::string& device, const std::string&)> problem;  // once, until it is over
    std::function<void(std::size_t attached)> in_step;                           // nothing waits any more
  };

  // Marks everything that is attached, and attaches what is to be kept. `loop` outlives it.
  static Result<std::unique_ptr<Follower>> create(sd_event* loop, Options options, Told told);
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower() = default;

  // As at the start.
  void begin_anew(Options options);
  // At everything, now.
  void look();
  // Uppers with a guard that have not gone since they were followed last, by ifindex, as of now. It calls nobody.
  std::set<std::uint32_t> followed();

 private:
  Follower(sd_event* loop, Options options, Told told, netlink::LinkMonitor monitor);
  Result<void> add_sources();
  Result<void> watch_pins();

  void await_all();
  void read_links();
  void hear_links();
  void take_heard();
  void hear_of_pins(std::uint32_t event, const std::string& name);
  void hear_of_other_root();
  void hear_of_deadline(const std::string& pins);
  void hear(const netlink::LinkEvent& event);
  void hear_of_upper(const netlink::LinkEvent& event);
  void hear_of_lower(const netlink::LinkEvent& event);
  void hear_of_tc(const netlink::TcEvent& event);
  void mark_tc_changed();
  [[nodiscard]] std::uint32_t lower_of(std::uint32_t ifindex) const;
  void mark(std::uint32_t lower, bool refresh);
  void mark_all(bool refresh);
  void try_again();
  [[nodiscard]] bool is_kept(const std::string& device) const;
  void start_pause();
  void begin_work();

  void work();
  void find_attached();
  void forget_detached();
  void undo(std::uint32_t lower, std::uint64_t confirm_by);
  void attach(const std::string& name);
  void follow(std::uint32_t lower, bool refresh);
  void note_uppers(std::uint32_t lower, const std::set<std::uint32_t>& uppers);
  void note_followed(std::uint32_t lower, const mirror::FollowResult& done);
  void tell_of_uppers(std::uint32_t lower, const std::vector<mirror::Departed>& gone);
  void note_all(const std::string& device, const std::vector<std::string>& notes);
  void note_problem(const std::string& device, const Error& error);
  void end_problem(const std::string& device) { problems_.erase(device); }

  sd_event* loop_;
  Options options_;
  Told told_;
  netlink::LinkMonitor monitor_;
  std::unique_ptr<PinWatch> pins_;

  struct Returning {
    mirror::AttachMode mode = mirror::AttachMode::auto_;
    std::string pins;  // name of the directory that is left
  };

  std::map<std::uint32_t, mirror::Attached> attached_;  // by ifindex
  std::map<std::string, Returning> returning_;          // lower devices that went while they were attached
  std::map<std::string, std::uint32_t> tried_;          // kept ones, with the ifindex that was attached or failed
  std::set<std::string> being_made_;                    // names of pin directories that were not attached so far
  std::vector<netlink::LinkMonitor::Heard> heard_;      // and not taken yet
  std::map<std::uint32_t, std::uint32_t> followed_;  // uppers with a guard, as followed last, and their lower devices
  std::set<std::uint32_t> gone_;                     // links that have gone since a follow began
  bool missed_ = false;                              // others may have, too
  std::set<std::uint32_t> tc_changed_;               // devices, to be looked up when tc_pause_ is over
  bool pins_changed_ = false;
  std::set<std::string> arrived_;                   // lower devices to be attached
  std::map<std::uint32_t, std::uint64_t> overdue_;  // attaches to be undone, by lower device: AttachOptions::confirm_by
  std::map<std::uint32_t, bool> marked_;            // lower devices to be followed, and whether to be refreshed
  std::map<std::uint32_t, std::uint32_t> set_;      // uppers whose set was set in the kernel, and their lower devices
  std::map<std::uint32_t, std::uint32_t> moved_;    // uppers that left the namespace, and their lower devices
  std::map<std::string, std::string> problems_;     // by device: told and not over
  std::map<std::string, std::set<std::string>> noted_;  // by device: what was said at the last look

  SourcePtr links_source_;
  SourcePtr pause_;     // lets what comes together be done together
  SourcePtr tc_pause_;  // the same, longer: others may change filters all the time
  SourcePtr turn_;
  SourcePtr look_;
  std::unique_ptr<UndoTimer> undo_timer_;
};

}  // namespace rxf::daemon
