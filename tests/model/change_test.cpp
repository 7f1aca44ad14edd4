// SPDX-License-Identifier: GPL-2.0-only
// A filter set is replaced at one instant: between any two writes to the maps every frame is judged by the old set or
// by the new one, and a set once replaced is gone.
#include <gtest/gtest.h>

#include <iostream>

#include "loader/model/plan.h"
#include "tests/model/property.h"
#include "tests/support/requirements.h"

namespace rxf::test {
namespace {

constexpr std::uint32_t kChanges = 10'000;
constexpr int kProbesPerWrite = 3;

// The walk: each step replaces the filter set of one upper, or makes it unfiltered.
class Walk {
 public:
  explicit Walk(std::uint64_t seed) : generator_(seed), random_(seed) {}

  void restart() {
    now_ = generator_.snapshot();
    next_ = now_;
    write();  // other uppers than before: nothing to compare with
  }

  void step() {
    next_ = now_;
    Upper& upper = next_.uppers.at(random_() % next_.uppers.size());
    upper.filter = random_() % 10 == 0 ? FilterSet{} : generator_.filter();
    datapath_.maps().on_write = [this] {
      for (int i = 0; i < kProbesPerWrite && !testing::Test::HasFatalFailure(); ++i) probe();
    };
    write();
    datapath_.maps().on_write = {};
    now_ = next_;
    probe();
  }

  [[nodiscard]] std::uint64_t probes() const { return probes_; }

 private:
  void write() {
    // Nothing is in flight: one thread does both, so there is nothing to wait for.
    datapath_.write(desired_of(next_), []() -> Result<void> { return {}; });
  }

  void probe() {
    ++probes_;
    const ProbeParts parts = generator_.probe(now_);
    const Probe bytes = to_probe(parts);
    const Frame frame = parse_frame(bytes.bytes, bytes.metadata).value();
    bool wanted_by_both = false;
    for (std::uint32_t index = 0; index < now_.uppers.size(); ++index) {
      const bool before = accepts(now_.uppers[index], frame);
      const bool after = accepts(next_.uppers[index], frame);
      const bool admitted = datapath_.guard_admits(index, bytes);
      ASSERT_TRUE(admitted == before || admitted == after)
          << "the guard of " << now_.uppers[index].name << (admitted ? " admits" : " drops")
          << " what neither set would\n"
          << to_string(parts) << "\nbefore: " << to_string(now_) << "after: " << to_string(next_);
      wanted_by_both = wanted_by_both || (before && after && !now_.uppers[index].filter.unfiltered() &&
                                          !next_.uppers[index].filter.unfiltered());
    }
    ASSERT_TRUE(!wanted_by_both || datapath_.early_tc_admits(bytes))
        << "the early drop drops what an upper wants before and after\n"
        << to_string(parts) << "\nbefore: " << to_string(now_) << "after: " << to_string(next_);
  }

  static bool accepts(const Upper& upper, const Frame& frame) {
    return judge(upper.filter, upper.address, frame) == Verdict::accept;
  }

  Datapath datapath_;
  Generator generator_;
  std::mt19937_64 random_;
  Snapshot now_, next_;
  std::uint64_t probes_ = 0;
};

TEST(Change, EveryProbeBetweenWritesSeesTheOldSetOrTheNewOne) {
  if (const std::string why = why_no_bpf_tests(); !why.empty()) GTEST_SKIP() << why;
  Walk walk(7);
  for (std::uint32_t change = 0; change < kChanges && !HasFatalFailure(); ++change) {
    if (change % 100 == 0) walk.restart();
    walk.step();
  }
  std::cout << kChanges << " changes, " << walk.probes() << " frames judged between their writes\n";
}

}  // namespace
}  // namespace rxf::test
