// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/planted.h"

#include <gtest/gtest.h>

#include <functional>
#include <regex>
#include <string>
#include <utility>

#include "tests/support/command.h"
#include "tests/vm_kernel/debugfs.h"
#include "tests/vm_kernel/log_watch.h"

namespace rxf::test {
namespace {

constexpr int kLeakScans = 5;

struct Bug {
  const char* name;    // as kernel/planted knows it
  const char* report;  // what its splat says
};

// Lockdep's find last.
constexpr Bug kBugs[] = {{"atomic", "BUG: sleeping function called from invalid context"},
                         {"rcu", "WARNING: suspicious RCU usage"},
                         {"memory", "BUG: KASAN: slab-use-after-free"},
                         {"leak", "kmemleak: [0-9]+ new suspected memory leaks"},
                         {"lock", "WARNING: possible circular locking dependency"}};

bool kernel_has(const std::string& option) {
  return run("zcat /proc/config.gz | grep -qx CONFIG_" + option + "=y").status == 0;
}

class Check : public testing::Test {
 public:
  explicit Check(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

void add(const char* suite, const char* name, std::function<void()> body) {
  testing::RegisterTest(suite, name, nullptr, nullptr, __FILE__, __LINE__,
                        [body = std::move(body)]() -> testing::Test* { return new Check(body); });
}

// Which kmemleak finds only when it looks, and overlooks as long as a stale copy of the address is about.
void wait_for_leaks() {
  std::string found;
  for (int i = 0; i < kLeakScans && found.empty(); ++i) found = leaks();
  EXPECT_TRUE(found.contains("planted")) << found;
}

// The splat is in the log when write(2) returns.
void plant(const Bug& bug) {
  if (bug.name == std::string("memory") && !kernel_has("KASAN")) GTEST_SKIP() << "this kernel has no KASAN";
  EXPECT_EQ(splat_in(log_watch().take()), "");
  write_debugfs("planted", bug.name);
  if (bug.name == std::string("leak")) wait_for_leaks();
  const std::string splat = splat_in(log_watch().take());
  EXPECT_TRUE(std::regex_search(splat, std::regex(bug.report))) << splat;
}

}  // namespace

bool locks_are_watched() { return run("grep -q '^ *debug_locks: *1$' /proc/lockdep_stats").status == 0; }

void register_last_checks() {
  add("Watch", "NothingLeaked", [] { EXPECT_EQ(leaks(), ""); });
  add("Watch", "LocksWereWatchedToTheEnd", [] { EXPECT_TRUE(locks_are_watched()); });
}

void register_planted_bugs() {
  for (const Bug& bug : kBugs) add("Planted", bug.name, [bug] { plant(bug); });
}

}  // namespace rxf::test
