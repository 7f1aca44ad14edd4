// SPDX-License-Identifier: GPL-2.0-only
#include <cstdlib>
#include <iostream>
#include <string>

#include "tools/bench/daemon.h"
#include "tools/bench/guest.h"
#include "tools/bench/programs.h"
#include "tools/bench/traffic.h"

namespace {

constexpr int kDefaultRounds = 15;

int usage() {
  std::cerr << "usage: rxfilter-bench [programs|traffic|daemon|guest] [ROUNDS 1..1000]\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  int next = 1;
  std::string what = "all";
  for (const char* one : {"programs", "traffic", "daemon", "guest"})
    if (argc > 1 && std::string(argv[1]) == one) {
      what = one;
      next = 2;
    }
  const int rounds = next < argc ? std::atoi(argv[next++]) : kDefaultRounds;
  if (next < argc || rounds < 1 || rounds > 1'000) return usage();
  try {
    if (what == "all" || what == "programs") rxf::bench::programs(rounds);
    if (what == "all" || what == "traffic") rxf::bench::traffic(rounds);
    if (what == "all" || what == "daemon") rxf::bench::daemon(rounds);
    if (what == "all" || what == "guest") rxf::bench::guest(rounds);
  } catch (const std::exception& error) {
    std::cerr << "rxfilter-bench: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
