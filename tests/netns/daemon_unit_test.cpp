// SPDX-License-Identifier: GPL-2.0-only
// The daemon with no more than the capabilities that its systemd unit leaves it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"

namespace rxf::test {
namespace {

constexpr const char* kSetpriv = "/usr/bin/setpriv";
constexpr MacAddress kUpper = {{0x02, 0xaa, 0, 0, 0, 1}};

// "-all,+net_admin,...": as setpriv(1) has it.
std::string capabilities_of_unit() {
  std::ifstream unit(RXF_UNIT);
  const std::string option = "CapabilityBoundingSet=";
  std::string all = "-all";
  for (std::string line; std::getline(unit, line);) {
    if (!line.starts_with(option)) continue;
    std::istringstream names(line.substr(option.size()));
    for (std::string name; names >> name;) {
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      all += ",+" + name.substr(std::string("cap_").size());
    }
  }
  return all;
}

class DaemonUnitTest : public DaemonFixture {
 protected:
  void SetUp() override {
    DaemonFixture::SetUp();
    if (!IsSkipped() && ::access(kSetpriv, X_OK) != 0) GTEST_SKIP() << "no " << kSetpriv << " here";
  }
};

TEST_F(DaemonUnitTest, ItsCapabilitiesAreEnough) {
  make_lower("low");
  start(DaemonProcess::Options{
      .arguments = {"--attach", "low", "--group", "daemon"},
      .launcher = {kSetpriv, "--bounding-set", capabilities_of_unit(), "--inh-caps", "-all", "--no-new-privs"}});
  for (const char* mode : {"bridge", "private"}) {
    make_upper("low", "upper", kUpper, mode);
    const auto set = loader("-v set upper --unicast 02:bb:00:00:00:01 --multicast 01:00:5e:01:02:03 --vlan 7");
    EXPECT_EQ(set.status, 0) << set.err;
    EXPECT_NE(set.err.find("the daemon"), std::string::npos) << set.err;
    must_run("ip link set upper address 02:aa:00:00:00:07");
    expect_followed("low", "another address");
    must_run("ip link set upper down && ip link set upper up");
    expect_followed("low", "down and up");
    must_run("ip link del upper");
    expect_followed("low", "deleted");
  }
  must_run("ip link del low");
  make_lower("low");
  ASSERT_TRUE(eventually([&] { return is_attached("low"); })) << daemon().log();
  make_upper("low", "sole", kUpper, "passthru");
  EXPECT_EQ(loader("set sole --unicast 02:bb:00:00:00:01 --vlan 7").status, 0);
  expect_followed("low", "a passthru upper on the device that returned");
  EXPECT_EQ(daemon().log().find("ermi"), std::string::npos) << daemon().log();
}

}  // namespace
}  // namespace rxf::test
