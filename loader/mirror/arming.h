// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>

#include "loader/datapath/rule_maps.h"
#include "loader/mirror/operations.h"

namespace rxf::mirror {

// Whether verdicts are carried out, and what an attach that nobody has confirmed is to be undone to.
struct Arming {
  bool shadow = false;
  std::uint64_t deadline = 0;  // of the attach that is to be confirmed; 0: none is
  Undo undo = Undo::none;
  AttachMode undo_mode = AttachMode::auto_;  // but for Undo::none and Undo::detach

  bool operator==(const Arming&) const = default;
  // Written in two halves: one of them alone is what an interrupted command left.
  [[nodiscard]] bool is_unconfirmed() const { return deadline != 0 && undo != Undo::none; }
  [[nodiscard]] bool is_overdue(std::uint64_t now) const { return is_unconfirmed() && now >= deadline; }
};

// What an attach makes of it; `mode` is where it drops early.
struct ArmingChange {
  Arming arming;
  AttachMode mode = AttachMode::auto_;
  bool confirms = false;  // an attach before this one
  bool undoes = false;    // an attach before this one, which nobody confirmed in time
};

// A device that is not attached yet.
[[nodiscard]] ArmingChange first_arming(const AttachOptions& options);

// An attached one. An attach that is overdue counts as undone; one that is to be detached is not for this function.
[[nodiscard]] ArmingChange next_arming(const Arming& now, AttachMode requested, const AttachOptions& options,
                                       std::uint64_t boot_now);

// For people: nullopt where nothing is to be confirmed.
[[nodiscard]] std::optional<Unconfirmed> unconfirmed(const Arming& arming, std::uint64_t boot_now);

Result<Arming> arming_of(const datapath::RuleMaps& maps);

// Before anything that could drop a frame is in force: shadow, and the deadline. An undo is noted first.
Result<void> restrain(datapath::RuleMaps& maps, const ArmingChange& change);

// Afterwards, last of all: what restrain() did not allow yet.
Result<void> release(datapath::RuleMaps& maps, const Arming& wanted);

// As it was before restrain().
Result<void> put_back(datapath::RuleMaps& maps, const Arming& before);

// Error ETIMEDOUT, Exit::timeout where the time for confirming was over before anything could be done: a watcher that
// has looked by then would not come back.
Result<void> check_time_left(const AttachOptions& options, const std::string& device);

}  // namespace rxf::mirror
