// SPDX-License-Identifier: GPL-2.0-only
#include <iostream>
#include <new>

#include "loader/cli/command_line.h"

int main(int argc, char** argv) {
  try {
    return rxf::cli::run_command_line(argc, argv, std::cout, std::cerr);
  } catch (const std::bad_alloc&) {
    std::cerr << "rxfilter-loader: out of memory\n";
    return static_cast<int>(rxf::Exit::refused);
  }
}
