// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace rxf::bench {

// What a frame costs: the programs as `attach` put them on a real device, run by BPF_PROG_TEST_RUN, beside xdp-filter's
// and over a program that does nothing, all in one run and in turn, so that a busy machine slows them alike. Prints a
// table; throws std::runtime_error.
void programs(int rounds);

}  // namespace rxf::bench
