// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/netlink/links.h"
#include "loader/netlink/socket.h"

namespace rxf::netlink {

// Whether the link has a clsact qdisc, or an ingress qdisc in its place, with filters or without.
Result<bool> has_ingress_hook(Socket& socket, const Link& link);

// Removes the link's clsact qdisc if no filter is left on its ingress and egress hooks (tc-bpf(8)); with a filter it
// stays. None there is done.
Result<void> remove_empty_clsact(Socket& socket, const Link& link);

}  // namespace rxf::netlink
