// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/util/fd.h"

namespace rxf::test {

// The kernel's log, /dev/kmsg, from its oldest line on.
class KernelLog {
 public:
  // Throws std::system_error.
  KernelLog();

  // The lines that came since the last time, without level and time. Where the kernel has dropped some that were not
  // read, a line says so, which is a splat.
  std::vector<std::string> read();

 private:
  Fd kmsg_;
};

// Writes a line to the log, as a program.
void write_to_kernel_log(const std::string& line);

// The first report of a bug among them (lockdep, RCU, KASAN, kmemleak, a warning, an oops ...) and what follows it, a
// line each, at most 100; empty where there is none.
std::string splat_in(const std::vector<std::string>& lines);

}  // namespace rxf::test
