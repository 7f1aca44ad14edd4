// SPDX-License-Identifier: GPL-2.0-only
#include <iostream>
#include <new>

#include "tools/guest/guest_command.h"

int main(int argc, char** argv) {
  try {
    return rxf::guest::run_guest_command(argc, argv, std::cout, std::cerr);
  } catch (const std::bad_alloc&) {
    std::cerr << "rxfilter-guest: out of memory\n";
    return static_cast<int>(rxf::Exit::refused);
  }
}
