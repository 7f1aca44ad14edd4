// SPDX-License-Identifier: GPL-2.0-only
// tests/golden/rx_filter_query.json and rx_filter_recorded.json: what QEMU answers over time, as bytes through the
// dialog, and what each answer asks for.
#include "tests/support/rx_filter_sequence.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <stdexcept>

#include "tests/unit/guest/qmp_peer.h"

namespace rxf::guest {
namespace {

using test::RxFilterSequence;
using test::RxFilterStep;

// What the controller does with what the dialog says.
class Follower {
 public:
  explicit Follower(const NicAbility& ability) : ability_(ability) { peer_.negotiate(); }

  GuestRequest follow(const RxFilterStep& step) {
    for (const std::string& name : step.events) take(peer_.say(bytes_of(name)));
    request_.reset();
    if (!dialog_.query()) throw std::runtime_error("a query is out already");
    peer_.command();
    take(peer_.say(peer_.result(step.answer)));
    if (!request_) take(peer_.tell_ability(ability_));
    return request_.value();
  }

 private:
  static std::string bytes_of(const std::string& name) {
    static const std::map<std::string, std::string> kBytes = {
        {"changed", event("NIC_RX_FILTER_CHANGED")}, {"reset", event("RESET")}, {"look", event("RESUME")}};
    return kBytes.at(name);
  }

  void take(const std::vector<QmpNews>& news) {
    for (const QmpNews& one : news) {
      if (std::holds_alternative<QmpChanged>(one)) history_.spoken = true;
      if (std::holds_alternative<QmpReset>(one)) history_ = {};
      if (const auto* garbage = std::get_if<QmpGarbage>(&one)) throw std::runtime_error(garbage->why);
      if (const auto* state = std::get_if<QmpState>(&one)) take(*state);
    }
  }

  void take(const QmpState& answer) {
    history_.saw(answer.state, answer.ability);
    request_ = request_of(answer.state, answer.ability, history_);
  }

  NicAbility ability_;
  QmpDialog dialog_{std::nullopt};
  QmpPeer peer_{dialog_};
  GuestHistory history_;
  std::optional<GuestRequest> request_;
};

class RxFilterSequences : public testing::TestWithParam<RxFilterSequence> {};

TEST_P(RxFilterSequences, AskForWhatIsWritten) {
  Follower follower(GetParam().ability);
  for (const RxFilterStep& step : GetParam().steps) {
    const GuestRequest request = follower.follow(step);
    ASSERT_TRUE(step.request) << step.step << ": no request is written; it is now\n" << test::to_text(request);
    EXPECT_EQ(test::to_text(request), test::to_text(*step.request)) << step.step;
  }
}

// What QEMU answers after a reset is whole, and not shortened by the file.
TEST(RxFilterSequenceFile, HasTheWholeTableOfAReset) {
  const RxFilterStep& power_on = test::rx_filter_sequences().front().steps.front();
  const nlohmann::json& table = power_on.answer.at(0).at("vlan-table");
  ASSERT_EQ(table.size(), 4096U);
  EXPECT_EQ(table.front(), 4095);
  EXPECT_EQ(table.back(), 0);
  EXPECT_GT(power_on.answer.dump().size(), 19'000U);
}

TEST(RxFilterSequenceFile, HasNoNameTwice) {
  std::set<std::string> names;
  for (const RxFilterSequence& sequence : test::rx_filter_sequences()) {
    EXPECT_TRUE(names.insert(sequence.name).second) << sequence.name;
    EXPECT_FALSE(sequence.steps.empty()) << sequence.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, RxFilterSequences, testing::ValuesIn(test::rx_filter_sequences()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace rxf::guest
