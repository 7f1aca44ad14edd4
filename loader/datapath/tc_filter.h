// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

#include "bpf/rx_filter_abi.h"
#include "loader/model/result.h"

namespace rxf::datapath {

enum class TcHook { ingress, egress };

// Where one of our programs runs on a device's clsact. Filters of others are never touched; they may stand before and
// after.
struct TcPlace {
  std::uint32_t ifindex = 0;
  TcHook hook = TcHook::ingress;
  const char* program = nullptr;  // kGuardProgram, kEarlyTcProgram or kSteerProgram
};

// The first priorities of ours: what is dropped early is not steered.
inline constexpr std::uint32_t kTcPriority = 100;
inline constexpr std::uint32_t kTcSteerPriority = 200;
inline constexpr std::uint32_t kTcHandle = 1;
// As many from the first one on are tried where others have taken it.
inline constexpr std::uint32_t kTcPriorities = 32;

// Whether a filter of ours can have that priority.
[[nodiscard]] constexpr bool is_tc_priority(std::uint32_t priority) {
  return (priority >= kTcPriority && priority < kTcPriority + kTcPriorities) ||
         (priority >= kTcSteerPriority && priority < kTcSteerPriority + kTcPriorities);
}

// Puts the program on the device's clsact (at ingress, an `ingress` qdisc serves too). `previous` is what the maps
// remember: a filter that is there already at its place is replaced in one step, otherwise a free priority is taken.
// Returns where it is now; made_qdisc is 1 where clsact was made by this or by the previous call.
Result<rxf_tc_filter> attach_tc(const TcPlace& place, int program_fd, const rxf_tc_filter& previous);

// The filter at one of our places that runs the place's program on the map with that id; prog_id 0 where there is none.
Result<rxf_tc_filter> find_tc(const TcPlace& place, std::uint32_t map_id);

// The id of the program of that filter, 0 where there is none (or no hook, or no device).
Result<std::uint32_t> query_tc(const TcPlace& place, const rxf_tc_filter& filter);

// Removes that filter; already gone is done.
Result<void> detach_tc(const TcPlace& place, const rxf_tc_filter& filter);

}  // namespace rxf::datapath
