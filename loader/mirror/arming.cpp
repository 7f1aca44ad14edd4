// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/arming.h"

#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>

#include "loader/mirror/early_hook.h"

namespace rxf::mirror {
namespace {

static_assert(static_cast<int>(Undo::none) == RXF_UNDO_NONE && static_cast<int>(Undo::detach) == RXF_UNDO_DETACH &&
              static_cast<int>(Undo::shadow) == RXF_UNDO_SHADOW && static_cast<int>(Undo::enforce) == RXF_UNDO_ENFORCE);

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

// Of this process's time namespace; the programs' clock has none (time_namespaces(7)).
std::int64_t boot_time_offset() {
  std::ifstream offsets("/proc/self/timens_offsets");
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  for (std::string clock; offsets >> clock >> seconds >> nanoseconds;)
    if (clock == "boottime") return seconds * kNanosecondsPerSecond + nanoseconds;
  return 0;
}

Result<void> note_undo(datapath::RuleMaps& maps, Undo undo, AttachMode mode) {
  auto meta = maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const auto number = static_cast<std::uint32_t>(undo);
  const auto mode_number = undo == Undo::none ? 0U : static_cast<std::uint32_t>(mode);
  if (meta->undo == number && meta->undo_mode == mode_number) return {};
  meta->undo = number;
  meta->undo_mode = mode_number;
  return maps.put_meta(*meta);
}

std::uint64_t with_shadow(std::uint64_t control, bool shadow) {
  return shadow ? control | RXF_CONTROL_SHADOW : control & ~RXF_CONTROL_SHADOW;
}

}  // namespace

std::string_view to_string(Undo undo) {
  constexpr std::array<std::string_view, 4> kNames = {"none", "detach", "shadow", "enforce"};
  return kNames.at(static_cast<std::size_t>(undo));
}

std::uint64_t boot_now() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec * kNanosecondsPerSecond + now.tv_nsec - boot_time_offset());
}

ArmingChange first_arming(const AttachOptions& options) {
  ArmingChange change{.arming = {.shadow = options.shadow.value_or(false), .deadline = options.confirm_by},
                      .mode = options.mode.value_or(AttachMode::auto_)};
  if (options.confirm_by != 0) change.arming.undo = Undo::detach;
  return change;
}

ArmingChange next_arming(const Arming& now, AttachMode requested, const AttachOptions& options,
                         std::uint64_t boot_now) {
  const bool overdue = now.is_overdue(boot_now);
  const bool shadow = overdue ? now.undo == Undo::shadow : now.shadow;
  const AttachMode mode = overdue ? now.undo_mode : requested;
  ArmingChange change{.arming = {.shadow = options.shadow.value_or(shadow)},
                      .mode = options.mode.value_or(mode),
                      .confirms = now.is_unconfirmed() && !overdue && options.confirm_by == 0,
                      .undoes = overdue};
  if (options.confirm_by == 0) return change;
  change.arming.deadline = options.confirm_by;
  change.arming.undo = shadow ? Undo::shadow : Undo::enforce;
  change.arming.undo_mode = mode;
  if (now.is_unconfirmed() && !overdue) {
    change.arming.undo = now.undo;
    change.arming.undo_mode = now.undo_mode;
  }
  return change;
}

std::optional<Unconfirmed> unconfirmed(const Arming& arming, std::uint64_t boot_now) {
  if (!arming.is_unconfirmed()) return std::nullopt;
  const std::uint64_t left = arming.is_overdue(boot_now) ? 0 : arming.deadline - boot_now;
  return Unconfirmed{.seconds_left = (left + kNanosecondsPerSecond - 1) / kNanosecondsPerSecond,
                     .undo = arming.undo,
                     .mode = arming.undo_mode};
}

Result<Arming> arming_of(const datapath::RuleMaps& maps) {
  const auto meta = maps.meta();
  if (!meta) return std::unexpected(meta.error());
  Arming arming{.shadow = (maps.control() & RXF_CONTROL_SHADOW) != 0, .deadline = maps.deadline()};
  if (arming.deadline == 0 || meta->undo > RXF_UNDO_ENFORCE) return arming;
  arming.undo = static_cast<Undo>(meta->undo);
  if (meta->undo_mode <= RXF_HOOK_XDP_GENERIC) arming.undo_mode = static_cast<AttachMode>(meta->undo_mode);
  return arming;
}

// Shadow comes before a new deadline: what the old one had stopped must not start in between.
Result<void> restrain(datapath::RuleMaps& maps, const ArmingChange& change) {
  const Arming& wanted = change.arming;
  if (wanted.shadow || change.undoes) maps.store_control(with_shadow(maps.control(), true));
  if (!wanted.is_unconfirmed()) return {};
  if (auto done = note_undo(maps, wanted.undo, wanted.undo_mode); !done) return done;
  maps.store_deadline(wanted.deadline);
  return {};
}

Result<void> release(datapath::RuleMaps& maps, const Arming& wanted) {
  maps.store_control(with_shadow(maps.control(), wanted.shadow));
  if (wanted.is_unconfirmed()) return {};
  maps.store_deadline(0);
  return note_undo(maps, Undo::none, AttachMode::auto_);
}

// The deadline first: it may be one that has passed.
Result<void> put_back(datapath::RuleMaps& maps, const Arming& before) {
  maps.store_deadline(before.deadline);
  maps.store_control(with_shadow(maps.control(), before.shadow));
  return note_undo(maps, before.undo, before.undo_mode);
}

Result<void> check_time_left(const AttachOptions& options, const std::string& device) {
  if (options.confirm_by == 0 || boot_now() < options.confirm_by) return {};
  return std::unexpected(Error{.text = device + ": the time to confirm was over before " + device +
                                       " was free to attach to: nothing was changed, try again with more seconds",
                               .code = ETIMEDOUT,
                               .exit = Exit::timeout});
}

}  // namespace rxf::mirror
