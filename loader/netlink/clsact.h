// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/netlink/links.h"
#include "loader/netlink/socket.h"

namespace rxf::netlink {

// Whether the link has a clsact qdisc, or an ingress qdisc in its place, with filters or without.
Result<bool> has_ingress_hook(Socket& socket, const Link& link);

// Removes the link's clsact qdisc if no filter is left on its ingress and egress hooks (tc-bpf(8)); with a filter it
// stays. None there is done.
Result<void> remove_empty_clsact(Socket& socket, const Link& link);

enum class Hook { ingress, egress };

// One filter on a device's hook.
struct HookFilter {
  std::uint32_t priority = 0;  // "pref"
  std::uint32_t handle = 0;
  std::string kind;              // "bpf", "u32", "matchall"
  std::uint32_t program_id = 0;  // of kind bpf

  bool operator==(const HookFilter&) const = default;
};

// The filters on a hook in the order in which they see a frame, those of its first chain alone: the others see what
// one of these sends them. None where there is no hook. An `ingress` qdisc answers for egress as for ingress.
Result<std::vector<HookFilter>> hook_filters(Socket& socket, std::uint32_t ifindex, Hook hook);

}  // namespace rxf::netlink
