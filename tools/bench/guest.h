// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace rxf::bench {

// How long after a guest's command the host lets through what it asks for, and no more: a guest in QEMU joins and
// leaves a group, makes and removes a VLAN device, and the daemon's notice says that the new filter set is in force;
// beside it a command that does nothing, QEMU's answer to a query, and a set over the API socket, all in turn. Prints
// p50 and p99; throws std::runtime_error.
void guest(int rounds);

}  // namespace rxf::bench
