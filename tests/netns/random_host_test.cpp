// SPDX-License-Identifier: GPL-2.0-only
// A host where everything comes and goes at random, while frames of every kind flow: nobody loses a frame that is
// theirs, nobody gets one that is not, and `status` names a problem exactly when a promise is broken.
//
// RXF_RANDOM_STEPS: how many steps of all; RXF_RANDOM_SEED: that of the first world; RXF_RANDOM_WITHOUT: steps, and
// kinds of frames and uppers (priority, passthru, source, elsewhere), that never come, with commas between. A world is
// named by its seed: with that as RXF_RANDOM_SEED and
// --gtest_filter for its case it is played again.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <set>
#include <sstream>
#include <thread>
#include <tuple>

#include "tests/support/must.h"
#include "tests/support/random_host_draw.h"
#include "tests/support/random_host_machine.h"
#include "tests/support/random_host_oracle.h"
#include "tests/support/random_host_steps.h"
#include "tests/support/random_host_traffic.h"
#include "tests/support/requirements.h"

namespace rxf::test {
namespace {

using mirror::AttachMode;
using Clock = std::chrono::steady_clock;
using Problems = std::vector<std::string>;

constexpr std::uint64_t kSeed = 20261126;
constexpr std::uint64_t kSteps = RXF_RANDOM_STEPS;  // of all cases together, by the ring
constexpr std::uint64_t kStepsOfAWorld = 50;        // then it begins anew
constexpr std::uint64_t kCases = 6;
constexpr std::size_t kStreamed = 16;  // kinds of frames
constexpr auto kPatience = std::chrono::seconds(20);
constexpr MacAddress kNic = {{0x02, 0xee, 0, 0, 0, 1}};

std::uint64_t asked(const char* name, std::uint64_t usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}

std::set<std::string> asked_without() {
  const char* text = std::getenv("RXF_RANDOM_WITHOUT");
  std::istringstream list(text == nullptr ? "" : text);
  std::set<std::string> names;
  for (std::string name; std::getline(list, name, ',');) names.insert(name);
  return names;
}

// One host, from `attach` on.
class World {
 public:
  World(std::uint64_t seed, AttachMode mode, bool daemon)
      : draw_(seed, asked_without()),
        machine_(kNic),
        traffic_(machine_.wire(), machine_.ears()),
        steps_(draw_, model_, machine_) {
    model_.nic = kNic;
    model_.mode = mode;
    model_.daemon = daemon;
    steps_.begin();
  }

  // Returns what is wrong, nothing where all is well.
  Problems step();
  [[nodiscard]] const std::string& history() const { return history_; }
  [[nodiscard]] std::string state() const { return to_string(model_) + machine_.state() + machine_.daemon_log(); }
  [[nodiscard]] std::uint64_t early_drops() const;

 private:
  Problems take(HostStep& step);
  Problems status_problems();
  Problems settled(const HostStep& step);
  Problems burst();
  void weaken(Sent& sent, const HostModel& before, const HostStep& step) const;

  HostDraw draw_;
  HostModel model_;
  HostMachine machine_;
  HostTraffic traffic_;
  HostSteps steps_;
  std::uint32_t kinds_ = 1;
  std::optional<Sent> last_;
  std::uint64_t taken_ = 0;
  std::string history_;
};

std::uint64_t World::early_drops() const {
  std::uint64_t packets = 0;
  for (const auto& [verdict, count] : must(mirror::status(machine_.context(), "nic")).early_counters.dropped)
    packets += count.packets;
  return packets;
}

Problems World::status_problems() {
  model_.leaked = machine_.leaked_allmulti(model_);
  const Problems named = must(mirror::status(machine_.context(), "nic")).problems;
  std::string why;
  const Due due = problem_due(model_, why);
  if (due == Due::must && named.empty()) return {"status names no problem, but " + why};
  if (due != Due::must_not || named.empty()) return {};
  Problems wrong;
  for (const std::string& problem : named) wrong.push_back("status has a problem, but " + why + ": " + problem);
  return wrong;
}

Problems World::burst() {
  Sent sent = dues_of(model_, kinds_++, draw_.burst(model_));
  traffic_.send(sent);
  Problems wrong = traffic_.problems(sent);
  last_ = std::move(sent);
  return wrong;
}

// What the daemon does takes it some time.
Problems World::settled(const HostStep& step) {
  const auto deadline = Clock::now() + kPatience;
  for (;;) {
    Problems wrong = status_problems();
    const bool final = !model_.daemon || Clock::now() > deadline;
    if (wrong.empty() && step.daemon_mends && !final) {
      HostDraw again = draw_;
      wrong = burst();
      draw_ = again;
    }
    if (wrong.empty() || final) return wrong;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// While a filter set is replaced, a frame that one of the two accepts may be steered as the other one asked for: it may
// reach the upper, and may not reach the host, whatever the host asks for beyond its own.
bool is_between(const HostModel& before, const HostModel& after, const std::string& receiver, const HostStep& step,
                const SentFrame& frame) {
  const std::string& name = step.programmed;
  if (name.empty() || (receiver != name && receiver != kHostReceiver)) return false;
  if (!is_accepted(before, name, frame) && !is_accepted(after, name, frame)) return false;
  return claims(before.uppers.at(name), frame.destination) || claims(after.uppers.at(name), frame.destination);
}

// Due all the time, and to those whom the step does not touch.
void World::weaken(Sent& sent, const HostModel& before, const HostStep& step) const {
  const Sent after = dues_of(model_, sent.kind, sent.frames);
  for (auto& [receiver, dues] : sent.dues) {
    const auto then = after.dues.find(receiver);
    const bool touched = step.everybody || step.receivers.contains(receiver) || then == after.dues.end();
    for (std::size_t i = 0; i < dues.size(); ++i) {
      dues[i] = touched ? Due::may : throughout(dues[i], then->second[i]);
      if (is_between(before, model_, receiver, step, sent.frames[i]) &&
          !(receiver == step.programmed && dues[i] == Due::must))
        dues[i] = Due::may;
    }
  }
}

Problems World::take(HostStep& step) {
  const HostModel before = model_;
  const std::vector<SentFrame> frames = draw_.stream(model_, kStreamed);
  Sent sent = dues_of(model_, kinds_++, frames);
  HostStream stream(machine_.wire(), sent.kind, frames);
  stream.run_on();
  step = steps_.next();
  history_ += std::to_string(taken_++) + ": " + step.what + "\n";
  Problems wrong = settled(step);
  stream.run_on();
  sent.count = stream.stop();
  weaken(sent, before, step);
  for (std::string& problem : traffic_.problems(sent)) wrong.push_back("while the step lasted: " + problem);
  return wrong;
}

Problems World::step() {
  HostStep step;
  Problems wrong = take(step);
  const std::optional<Sent> before = last_;
  if (wrong.empty()) wrong = burst();
  if (before && wrong.empty())
    for (std::string& problem : traffic_.surplus(*before)) wrong.push_back("late: " + problem);
  machine_.ears().forget_before(last_ ? last_->kind : 0);
  return wrong;
}

using Case = std::tuple<AttachMode, bool>;

class RandomHostTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    for (const std::string& why : {why_no_netns_tests(), why_no_bpf_tests()})
      if (!why.empty()) GTEST_SKIP() << why;
  }

  static AttachMode mode() { return std::get<0>(GetParam()); }
  static bool daemon() { return std::get<1>(GetParam()); }

  void play(std::uint64_t seed, std::uint64_t steps) {
    World world(seed, mode(), daemon());
    for (std::uint64_t i = 0; i < steps; ++i) {
      Problems wrong;
      try {
        wrong = world.step();
      } catch (const std::exception& error) {
        wrong = {error.what()};
      }
      ASSERT_EQ(wrong, Problems{}) << "seed " << seed << "\n" << world.history() << world.state();
    }
    dropped_ += world.early_drops();
  }

  std::uint64_t dropped_ = 0;
};

std::string case_name(const testing::TestParamInfo<Case>& row) {
  const auto& [mode, daemon] = row.param;
  const std::string name = mode == AttachMode::tc ? "tc" : mode == AttachMode::native ? "native" : "generic";
  return name + (daemon ? "_daemon" : "_alone");
}

INSTANTIATE_TEST_SUITE_P(Worlds, RandomHostTest,
                         testing::Combine(testing::Values(AttachMode::tc, AttachMode::native, AttachMode::generic),
                                          testing::Bool()),
                         case_name);

TEST_P(RandomHostTest, NobodyLosesOrGainsAFrameWhateverHappens) {
  const std::uint64_t seed = asked("RXF_RANDOM_SEED", kSeed);
  const std::uint64_t all = (asked("RXF_RANDOM_STEPS", kSteps) + kCases - 1) / kCases;
  for (std::uint64_t done = 0, world = 0; done < all; ++world) {
    const std::uint64_t steps = std::min(kStepsOfAWorld, all - done);
    ASSERT_NO_FATAL_FAILURE(play(seed + world, steps));
    done += steps;
  }
  std::cout << "  seed " << seed << ": " << all << " steps, " << dropped_ << " frames dropped early\n";
  if (all >= kStepsOfAWorld) {
    EXPECT_GT(dropped_, 0U);
  }
}

}  // namespace
}  // namespace rxf::test
