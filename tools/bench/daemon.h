// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace rxf::bench {

// How long a change takes to be in force with one daemon for 64 lower devices and 512 uppers: a set through the API
// socket, a set in-process, and a change of a link until the maps have followed; beside a bare RTM_SETLINK, all in
// turn. Prints p50 and p99; throws std::runtime_error.
void daemon(int rounds);

}  // namespace rxf::bench
