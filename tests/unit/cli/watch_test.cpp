// SPDX-License-Identifier: GPL-2.0-only
// `status --watch`, with what it looks at in our hands.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <sstream>

#include "loader/cli/command_line.h"
#include "loader/cli/filter_json.h"

namespace rxf::cli {
namespace {

class Watch : public testing::Test {
 protected:
  void SetUp() override {
    operations_.attached_devices = [](const mirror::Context& /*context*/) { return std::vector<std::string>{"veth0"}; };
    operations_.remains = [](const mirror::Context& /*context*/) { return std::vector<mirror::Remains>{}; };
    operations_.orphaned = [](const mirror::Context& /*context*/) { return std::vector<mirror::Orphaned>{}; };
    operations_.on_terminal = [this] { return terminal_; };
    operations_.status = [this](const mirror::Context& /*context*/,
                                const std::string& device) -> Result<mirror::LowerdevStatus> {
      if (++looks_ == kLooks) ::raise(signal_);
      if (looks_ == failing_look_)
        return std::unexpected(Error{.text = device + " is not attached", .exit = Exit::not_attached});
      return mirror::LowerdevStatus{.device = device,
                                    .ifindex = 4,
                                    .reason = "test",
                                    .pin_directory = "/p",
                                    .early_counters = {.dropped = {{Verdict::vlan, {.packets = 1'000'000U * looks_}}}}};
    };
  }

  int run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"rxfilter-loader", "--bpffs", "/", "status"});
    const int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    return run_command_line(count, arguments.data(), out_, err_, operations_);
  }

  [[nodiscard]] std::string out() const { return out_.str(); }

  static constexpr unsigned kLooks = 3;  // and then a signal to quit
  Operations operations_;
  int signal_ = SIGINT;
  bool terminal_ = false;
  unsigned looks_ = 0;
  unsigned failing_look_ = 0;
  std::ostringstream out_;
  std::ostringstream err_;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_F(Watch, LooksAgainUntilInterrupted) {
  EXPECT_EQ(run({"--watch", "0.1"}), 0) << err_.str();
  EXPECT_EQ(looks_, kLooks);
  EXPECT_EQ(count(out(), "veth0: test"), kLooks);
  EXPECT_EQ(count(out(), "\n\nveth0: test"), kLooks - 1) << "a blank line between";
  EXPECT_EQ(count(out(), "/s"), kLooks - 1) << "the first look has nothing to compare with: " << out();
  EXPECT_FALSE(out().contains('\033'));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(Watch, EndsWithSigtermToo) {
  signal_ = SIGTERM;
  EXPECT_EQ(run({"veth0", "--watch=0.1"}), 0);
  EXPECT_EQ(looks_, kLooks);
}

TEST_F(Watch, RedrawsOnATerminal) {
  terminal_ = true;
  EXPECT_EQ(run({"--watch", "0.1", "veth0"}), 0);
  EXPECT_EQ(count(out(), "\033[H\033[Jveth0: test"), kLooks);
}

TEST_F(Watch, RatesAreOfTheTimeThatHasPassed) {
  EXPECT_EQ(run({"veth0", "--watch", "0.2", "-j"}), 0);
  std::istringstream lines(out());
  std::vector<Json> looks;
  for (std::string line; std::getline(lines, line);) looks.push_back(Json::parse(line));
  ASSERT_EQ(looks.size(), kLooks);
  const auto rate = [&](std::size_t look) {
    return looks[look]["counters"]["early"]["dropped"]["vlan"]["packets_per_second"];
  };
  EXPECT_TRUE(rate(0).is_null());
  // A million in 0.2 s and however long the machine takes.
  EXPECT_LE(rate(1).get<double>(), 5'100'000);
  EXPECT_GE(rate(1).get<double>(), 500'000);
  EXPECT_GE(rate(2).get<double>(), 500'000);
}

TEST_F(Watch, JsonOfAllIsAnArrayALine) {
  terminal_ = true;
  EXPECT_EQ(run({"--watch=0.1", "-j"}), 0);
  std::istringstream lines(out());
  for (std::string line; std::getline(lines, line);) EXPECT_EQ(Json::parse(line).size(), 1U) << line;
}

TEST_F(Watch, TheSecondsMayBeLeftOut) {
  failing_look_ = 2;
  EXPECT_EQ(run({"--watch", "veth0"}), 3);
  EXPECT_EQ(looks_, 2U);
  EXPECT_EQ(err_.str(), "rxfilter-loader: veth0 is not attached\n");
}

TEST_F(Watch, PrometheusIsOneLook) {
  EXPECT_EQ(run({"--prometheus"}), 0);
  EXPECT_EQ(looks_, 1U);
  EXPECT_TRUE(
      out().contains("rxfilter_dropped_packets_total{device=\"veth0\",hook=\"early\",upper=\"\",reason=\"vlan\"}"
                     " 1000000\n"))
      << out();
}

}  // namespace
}  // namespace rxf::cli
