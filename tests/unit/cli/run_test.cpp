// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "loader/cli/command_line.h"
#include "loader/cli/session.h"

namespace rxf::cli {
namespace {

using daemon::Settings;

class Run : public testing::Test {
 protected:
  Run() {
    operations_.run = [this](const daemon::Setup& setup) -> Result<void> {
      api_ = setup.api;
      auto settings = setup.settings();
      if (!settings) return std::unexpected(settings.error());
      settings_ = std::move(*settings);
      if (change_) change_();
      again_ = setup.settings();
      return {};
    };
    std::string path = "/tmp/rxfilter-run-XXXXXX";
    directory_ = ::mkdtemp(path.data());
  }
  ~Run() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& text) {
    std::ofstream(directory_ / "conf") << text;
    return directory_ / "conf";
  }

  int run(std::vector<std::string> arguments) {
    std::vector<const char*> raw = {"rxfilter-loader", "run"};
    for (const std::string& argument : arguments) raw.push_back(argument.c_str());
    const int count = static_cast<int>(raw.size());
    raw.push_back(nullptr);
    settings_.reset();
    err_.str("");
    return run_command_line(count, raw.data(), out_, err_, operations_);
  }

  Operations operations_;
  std::filesystem::path directory_;
  std::string api_;
  std::optional<Settings> settings_;
  std::function<void()> change_;
  Result<Settings> again_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(Run, NeedsNoOptions) {
  EXPECT_EQ(run({}), 0);
  EXPECT_EQ(settings_, Settings{});
}

TEST_F(Run, TakesEverythingAsAFlag) {
  EXPECT_EQ(run({"--attach", "eth2,eth3", "--attach", "bond0", "--group", "kvm", "--allow", "m0=qemu", "--allow",
                 "*=@admins", "--look", "5", "--api", "/x/api.sock"}),
            0);
  EXPECT_EQ(api_, "/x/api.sock");
  EXPECT_EQ(settings_, (Settings{.devices = {"eth2", "eth3", "bond0"},
                                 .group = "kvm",
                                 .allow = {"m0=qemu", "*=@admins"},
                                 .look = std::chrono::seconds(5)}));
}

TEST_F(Run, ReadsTheSameFromAFile) {
  const std::string file =
      write("# as flags\nattach = [\"eth2\", \"eth3\"]\ngroup = \"kvm\"\nallow = [\"m0=qemu\"]\nlook = 5\n");
  EXPECT_EQ(run({"--config", file}), 0) << err_.str();
  EXPECT_EQ(
      settings_,
      (Settings{.devices = {"eth2", "eth3"}, .group = "kvm", .allow = {"m0=qemu"}, .look = std::chrono::seconds(5)}));
}

TEST_F(Run, FlagsComeBeforeTheFile) {
  const std::string file = write("attach = [\"eth2\"]\nlook = 5\n");
  EXPECT_EQ(run({"--config", file, "--attach", "eth9"}), 0) << err_.str();
  EXPECT_EQ(settings_, (Settings{.devices = {"eth9"}, .look = std::chrono::seconds(5)}));
}

TEST_F(Run, ReadsTheFileAgainWhenAsked) {
  const std::string file = write("look = 5\n");
  change_ = [this] { write("look = 6\n"); };
  EXPECT_EQ(run({"--config", file}), 0);
  ASSERT_TRUE(again_);
  EXPECT_EQ(again_->look, std::chrono::seconds(6));
}

struct BadFile {
  const char* name;
  const char* text;
  const char* words;
};
void PrintTo(const BadFile& row, std::ostream* out) { *out << row.name; }

class BadRunFile : public Run, public testing::WithParamInterface<BadFile> {};

TEST_P(BadRunFile, IsOneLineThatNamesTheFile) {
  const std::string file = write(GetParam().text);
  EXPECT_EQ(run({"--config", file}), 2);
  EXPECT_FALSE(settings_);
  EXPECT_NE(err_.str().find(file), std::string::npos) << err_.str();
  EXPECT_NE(err_.str().find(GetParam().words), std::string::npos) << err_.str();
  EXPECT_EQ(std::ranges::count(err_.str(), '\n'), 1) << err_.str();
}

INSTANTIATE_TEST_SUITE_P(Rows, BadRunFile,
                         testing::Values(BadFile{"UnknownKey", "colour = 1\n", "colour"},
                                         BadFile{"NoNumber", "look = soon\n", "soon"},
                                         BadFile{"OutOfRange", "look = 0\n", "0"}),
                         [](const auto& row) { return row.param.name; });

TEST_F(Run, FileThatIsMissingIsOneLine) {
  EXPECT_EQ(run({"--config", "/nowhere/conf"}), 2);
  EXPECT_NE(err_.str().find("/nowhere/conf"), std::string::npos) << err_.str();
}

TEST_F(Run, DeviceNamesAreChecked) {
  EXPECT_EQ(run({"--attach", "../x"}), 2);
  EXPECT_FALSE(settings_);
}

}  // namespace
}  // namespace rxf::cli
