// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/model/filter_change.h"
#include "loader/model/filter_set.h"
#include "loader/model/snapshot.h"
#include "loader/model/verdict.h"
#include "loader/netlink/links.h"

// What the command line does, one function a verb. Each works in the calling thread's network namespace, takes the
// lower device's lock, first finishes what an earlier command may have left half done, and either reaches the new state
// or says why not and leaves the old one.
namespace rxf::mirror {

struct Context {
  std::string bpffs = "/sys/fs/bpf";
  // Ifindexes of uppers that are, without a doubt, the devices that were noted, by whoever has followed them ever
  // since; asked after the links were looked at. A caller that has not has none.
  std::function<std::set<std::uint32_t>()> followed{};
};

// The numbers of these two are those of the maps (RXF_HOOK_*).
enum class AttachMode { auto_ = 0, tc = 1, native = 2, generic = 3 };

// Where the early drop runs.
enum class EarlyHook { none = 0, tc = 1, xdp_native = 2, xdp_generic = 3 };

// "none", "tc", "xdp-native", "xdp-generic"
[[nodiscard]] std::string_view to_string(EarlyHook hook);

// What becomes of an attach that nobody confirms in time: the device was not attached before, in shadow, or in force.
// The numbers are RXF_UNDO_*.
enum class Undo { none = 0, detach = 1, shadow = 2, enforce = 3 };

// "none", "detach", "shadow", "enforce"
[[nodiscard]] std::string_view to_string(Undo undo);

struct Count {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

// One hook's counters. The early drop counts only what it drops: its `admitted` stays 0.
struct Counters {
  Count admitted;
  std::map<Verdict, Count> dropped;  // every verdict but accept, zero ones too
};

struct UpperStatus {
  std::string name;
  std::uint32_t ifindex = 0;
  UpperMode mode = UpperMode::bridge;
  FilterSet filter;
  bool guard = false;                // our program is on its clsact ingress, now
  std::optional<Counters> counters;  // of the guard
};

// An attach that is still to be confirmed.
struct Unconfirmed {
  std::uint64_t seconds_left = 0;  // begun ones; 0: it was not confirmed in time, and nothing is dropped
  Undo undo = Undo::none;
  AttachMode mode = AttachMode::auto_;  // back to which; not for Undo::detach

  bool operator==(const Unconfirmed&) const = default;
};

struct LowerdevStatus {
  std::string device;
  std::uint32_t ifindex = 0;
  EarlyHook early = EarlyHook::none;  // in force now
  std::string reason;                 // why there, and why it drops what it drops: one sentence
  bool dispatcher = false;            // XDP, beside others through libxdp's dispatcher
  std::string pin_directory;
  bool shadow = false;                 // verdicts are counted, and nothing is dropped
  std::optional<Unconfirmed> confirm;  // absent: nothing is to be confirmed
  Counters early_counters;
  std::vector<UpperStatus> uppers;    // filtered or not, by ifindex
  std::vector<std::string> problems;  // what is not as it should be, each with the next step
};

// What a verb did, besides the state it reached.
struct Report {
  bool changed = true;             // false: it was so already
  std::vector<std::string> notes;  // sentences for stderr: defaults filled in, warnings
};

struct AttachOptions {
  std::optional<AttachMode> mode;  // absent: as before, or auto
  bool dry_run = false;            // find out and say, change nothing
  std::optional<bool> shadow;      // absent: as before, or false
  // When, in boot_now(), this attach is undone unless another one without it came by then; 0: it stands, and confirms
  // the last one.
  std::uint64_t confirm_by = 0;
};

struct AttachResult {
  LowerdevStatus status;
  Report report;
  bool confirmed = false;  // an attach before this one
};

// Nanoseconds of CLOCK_BOOTTIME, as BPF programs read it, whatever time namespace we are in.
[[nodiscard]] std::uint64_t boot_now();

// Errors, all of which change nothing: no such device; loopback; not Ethernet; itself a macvlan or macvtap; a foreign
// XDP program (by name and id); a bpffs that is missing, read-only or private to this mount namespace; no privilege.
Result<AttachResult> attach(const Context& context, const std::string& device, const AttachOptions& options);

// What is to happen at the deadline of an attach with confirm_by, to whoever comes first. Reports changed = false where
// that attach has been confirmed, undone or followed by another one with confirm_by. A device is best named by its
// ifindex, which it keeps; where it has left the network namespace or was deleted, what is left of it here is removed.
Result<Report> undo_unconfirmed(const Context& context, const netlink::LinkName& device, std::uint64_t confirm_by);
// When the pins in that directory (Attached::pins) are to be undone; 0: never.
[[nodiscard]] std::uint64_t confirm_by_of(const Context& context, const std::string& pins);

// Removes what `attach` and every `set` put there, and puts back exactly what they changed. Exit::not_attached with
// `changed` false semantics is not an error: a device that is not attached yields changed = false.
Result<Report> detach(const Context& context, const std::string& device);

// Every attached lower device of this namespace, by name. Read-only.
struct Attached {
  std::string name;
  std::uint32_t ifindex = 0;
  AttachMode mode = AttachMode::auto_;  // as asked for
  std::string pins;                     // name of the pin directory
  std::uint64_t confirm_by = 0;         // AttachOptions::confirm_by, while that is to be confirmed

  bool operator==(const Attached&) const = default;
};
Result<std::vector<Attached>> attached(const Context& context);
// Their names.
Result<std::vector<std::string>> attached_devices(const Context& context);

// Who holds a filter set: a kernel with IFLA_RX_FILTER, or our maps.
enum class Keeper { maps, kernel };

struct SetResult {
  FilterSet filter;  // as programmed now
  Keeper keeper = Keeper::maps;
  Report report;
};

// Exit::not_attached where the upper's lower device is not attached; Exit::usage for an invalid edit; refused for a
// link that is no macvlan or macvtap. Returns when the new set is in force.
// Where the kernel keeps the upper's filter set, it takes it also if the lower device is not attached; a note says so.
Result<SetResult> set(const Context& context, const std::string& upper, const FilterEdit& edit);

// The same for a part of a filter set, as a message of the netlink API carries it.
Result<SetResult> change(const Context& context, const netlink::LinkName& upper, const FilterChange& change);

// The filter set as programmed, unfiltered() where there is none. Read-only.
Result<FilterSet> get(const Context& context, const std::string& upper);
Result<FilterSet> get(const Context& context, const netlink::LinkName& upper);

Result<Keeper> keeper(const std::string& upper);

// Unfiltered again; lists and flags of the upper as they were.
Result<Report> clear(const Context& context, const std::string& upper);

// An upper that was filtered, and was deleted or has left the network namespace.
struct Departed {
  std::uint32_t ifindex = 0;
  std::string name;  // when it was last looked at
};

struct FollowResult {
  std::vector<Departed> gone;
  std::set<std::uint32_t> uppers;       // noted ones, by ifindex: from now on to be known by whoever follows them
  AttachMode mode = AttachMode::auto_;  // as asked for
  Report report;                        // changed: a program was attached or replaced
};

// Brings everything on an attached lower device to what the links and the filter sets say now. `refresh`: what an
// earlier version attached is upgraded, and an early drop that somebody removed comes back; what is to be confirmed
// stays so. Exit::not_attached where it is not.
Result<FollowResult> follow(const Context& context, const netlink::LinkName& device, bool refresh);

// Every upper in the namespace that has a filter set or can be given one: its lower device is attached, or the kernel
// keeps it. By ifindex.
Result<std::map<std::uint32_t, FilterSet>> filter_sets(const Context& context);

// Read-only. Exit::not_attached where it is not.
Result<LowerdevStatus> status(const Context& context, const std::string& device);

}  // namespace rxf::mirror
