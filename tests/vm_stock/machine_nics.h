// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace rxf::test {

// The virtual machine's two NICs, which are on one wire (tests/vm/run), are `lower` and `far` in the calling thread's
// network namespace from now on, and up, `lower` with kLowerAddress. They go back when that namespace goes. Throws
// std::runtime_error.
void take_machine_nics();

}  // namespace rxf::test
