// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/command_line.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace rxf::cli {
namespace {

// Runs the verb on an operation that notes what it is asked, and drops every other frame.
class ExplainVerb : public testing::Test {
 protected:
  void SetUp() override {
    operations_.explain =
        [this](const mirror::Context& /*context*/, const std::string& device,
               const std::vector<mirror::AskedFrame>& frames) -> Result<std::vector<mirror::Explanation>> {
      device_ = device;
      frames_ = frames;
      if (failure_) return std::unexpected(*failure_);
      std::vector<mirror::Explanation> answers;
      for (std::size_t i = 0; i < frames.size(); ++i)
        answers.push_back(i % 2 == 0 ? mirror::Explanation{.passes = false, .reason = Verdict::vlan, .sentence = "no"}
                                     : mirror::Explanation{.sentence = "yes"});
      return answers;
    };
  }

  int run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"rxfilter-loader", "--bpffs", "/"});
    out_.str("");
    err_.str("");
    device_.clear();
    const int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    return run_command_line(count, arguments.data(), out_, err_, operations_);
  }

  Operations operations_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::string device_;
  std::vector<mirror::AskedFrame> frames_;
  std::optional<Error> failure_;
};

TEST_F(ExplainVerb, AsksForOneFrame) {
  EXPECT_EQ(run({"explain", "eth2", "--dst", "02:aa:bb:cc:dd:01", "--vlan", "7"}), 0) << err_.str();
  EXPECT_EQ(device_, "eth2");
  ASSERT_EQ(frames_.size(), 1U);
  EXPECT_EQ(parse_frame(frames_[0].bytes)->vlan(), 7);
  EXPECT_EQ(frames_[0].metadata, std::nullopt);
  EXPECT_EQ(out_.str(), "drop: vlan   no\n");
  EXPECT_EQ(run({"explain", "eth2", "--dst", "02:aa:bb:cc:dd:01", "--metadata-vlan=7", "-j"}), 0) << err_.str();
  EXPECT_EQ(frames_[0].metadata, (VlanTag{kTpidCustomer, 7}));
  EXPECT_EQ(Json::parse(out_.str())["verdict"], "drop");
  EXPECT_EQ(run({"explain", "eth2", "--frame", "02:aa:bb:cc:dd:01 020000000001 88b5"}), 0) << err_.str();
  EXPECT_EQ(frames_[0].bytes.size(), 14U);
}

TEST_F(ExplainVerb, NumbersTheFramesOfAFile) {
  std::string path = testing::TempDir() + "rxfilter-frames-XXXXXX";
  const int fd = ::mkstemp(path.data());
  ASSERT_GE(fd, 0);
  ::close(fd);
  // Little-endian, Ethernet, two frames of a byte.
  const std::vector<std::uint8_t> file = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,   0, 0,
                                          1,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0,   0, 0,
                                          0xaa, 0,    0,    0,    0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0xbb};
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(file.data()), std::ssize(file));
  EXPECT_EQ(run({"explain", "eth2", "--frame", path.c_str()}), 0) << err_.str();
  EXPECT_EQ(out_.str(), "1  drop: vlan   no\n2  pass   yes\n");
  EXPECT_EQ(run({"explain", "eth2", "--frame", path.c_str(), "-j"}), 0) << err_.str();
  EXPECT_EQ(Json::parse(out_.str()).size(), 2U);
  ::unlink(path.c_str());
}

TEST_F(ExplainVerb, BadUsageAsksNothing) {
  const std::vector<std::vector<const char*>> rows = {
      {"explain"},
      {"explain", "eth2"},
      {"explain", "--dst", "02:aa:bb:cc:dd:01"},
      {"explain", "../x", "--dst", "02:aa:bb:cc:dd:01"},
      {"explain", "eth2", "--dst", "02:aa"},
      {"explain", "eth2", "--dst", "02:aa:bb:cc:dd:01", "--vlan", "4095"},
      {"explain", "eth2", "--dst", "02:aa:bb:cc:dd:01", "--frame", "02"},
      {"explain", "eth2", "--frame", "02a"},
      {"explain", "eth2", "--frame", "/nonexistent.pcap"},
      {"explain", "eth2", "--vlan", "7"}};
  for (const auto& row : rows) {
    EXPECT_EQ(run(row), 2) << row.back();
    EXPECT_EQ(out_.str(), "");
    EXPECT_EQ(std::ranges::count(err_.str(), '\n'), 1) << err_.str();
    EXPECT_EQ(device_, "");
  }
}

TEST_F(ExplainVerb, ErrorsKeepTheirExitStatus) {
  failure_ = Error{.text = "eth2 is not attached", .exit = Exit::not_attached};
  EXPECT_EQ(run({"explain", "eth2", "--dst", "02:aa:bb:cc:dd:01"}), 3);
  EXPECT_EQ(run({"explain", "eth2", "--frame", "/etc/passwd"}), 1);
  EXPECT_TRUE(err_.str().starts_with("rxfilter-loader: /etc/passwd: no capture of frames")) << err_.str();
}

}  // namespace
}  // namespace rxf::cli
