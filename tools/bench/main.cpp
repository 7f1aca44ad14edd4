// SPDX-License-Identifier: GPL-2.0-only
#include <cstdlib>
#include <iostream>
#include <string>

#include "tools/bench/programs.h"
#include "tools/bench/traffic.h"

namespace {

constexpr int kDefaultRounds = 15;

int usage() {
  std::cerr << "usage: rxfilter-bench [programs|traffic] [ROUNDS 1..1000]\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  int next = 1;
  std::string what = "all";
  if (next < argc && (std::string(argv[next]) == "programs" || std::string(argv[next]) == "traffic"))
    what = argv[next++];
  const int rounds = next < argc ? std::atoi(argv[next++]) : kDefaultRounds;
  if (next < argc || rounds < 1 || rounds > 1'000) return usage();
  try {
    if (what != "traffic") rxf::bench::programs(rounds);
    if (what != "programs") rxf::bench::traffic(rounds);
  } catch (const std::exception& error) {
    std::cerr << "rxfilter-bench: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
