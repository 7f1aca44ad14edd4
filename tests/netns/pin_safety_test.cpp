// SPDX-License-Identifier: GPL-2.0-only
// Pins that somebody else made are not followed and not deleted, and what is damaged stops nothing but itself.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "loader/datapath/rule_maps.h"
#include "loader/netlink/net_namespace.h"
#include "tests/support/command.h"
#include "tests/support/enforcement.h"
#include "tests/support/host_state.h"
#include "tests/support/must.h"
#include "tests/support/passthru_fixture.h"

namespace rxf::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSet = "set upper --unicast 02:bb:00:00:00:01 --multicast none --vlan 42";

// A map of nobody's.
void pin_foreign_map(const std::string& path) {
  const Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "foreign", 4, 8, 1, nullptr));
  ASSERT_TRUE(map) << std::strerror(errno);
  ASSERT_EQ(bpf_obj_pin(map.get(), path.c_str()), 0) << std::strerror(errno);
}

std::string filters() { return must_run("tc filter show dev lower ingress; tc filter show dev upper ingress"); }

class PinSafetyTest : public PassthruFixture {
 protected:
  [[nodiscard]] std::string root() const { return bpffs_->path() + "/rxfilter"; }
  [[nodiscard]] std::string pins() const { return root() + "/lower@" + std::to_string(must(netlink::netns_cookie())); }

  void expect_refused(const std::string& arguments, const std::vector<std::string>& said) {
    const CommandResult result = loader_->run(arguments);
    EXPECT_EQ(result.status, 1) << arguments;
    for (const std::string& part : said) EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  }
  nlohmann::json status() { return nlohmann::json::parse(loader_->must("status -j")); }
  std::string all_problems() {
    std::string text;
    for (const auto& device : status())
      for (const auto& problem : device["problems"]) text += problem.get<std::string>() + "\n";
    return text;
  }
  void expect_works() { EXPECT_EQ(enforcement_problems(bpffs_->path(), "lower"), std::vector<std::string>{}); }
  void attach() {
    loader_->must("attach lower --mode tc");
    loader_->must(kSet);
  }
};

// The directory of all pins

TEST_F(PinSafetyTest, ALinkInItsPlaceIsNotFollowed) {
  const std::string theirs = bpffs_->path() + "/theirs";
  fs::create_directories(theirs + pins().substr(root().size()));
  pin_foreign_map(theirs + pins().substr(root().size()) + "/slots");
  fs::create_directory_symlink(theirs, root());
  const std::string before = host_state(bpffs_->path());
  expect_refused("attach lower", {root() + " is a symbolic link", "rm " + root()});
  expect_refused("detach lower", {root() + " is a symbolic link"});
  expect_refused("status", {root() + " is a symbolic link"});
  EXPECT_EQ(host_state(bpffs_->path()), before);
  fs::remove(root());
  attach();
  expect_works();
}

TEST_F(PinSafetyTest, AnotherUsersDirectoryIsNotUsed) {
  must_run("mkdir -m 755 " + root() + " && chown 12345 " + root());
  expect_refused("attach lower", {root() + " belongs to user 12345"});
  EXPECT_FALSE(fs::exists(pins()));
  must_run("chown 0 " + root() + " && chmod 1777 " + root());
  expect_refused("attach lower", {"may be written to by others (mode 1777)", "chmod go-w " + root()});
  must_run("chmod go-w " + root());
  attach();
  expect_works();
}

TEST_F(PinSafetyTest, ABpffsWhereEverybodyMayRenameIsNotUsed) {
  must_run("chmod 0777 " + bpffs_->path());
  expect_refused("attach lower", {"chmod +t " + bpffs_->path()});
  must_run("chmod +t " + bpffs_->path());
  attach();
}

// One device's

TEST_F(PinSafetyTest, WhatIsInADevicesPlaceStopsThatDeviceAlone) {
  const std::string theirs = bpffs_->path() + "/theirs";
  fs::create_directories(theirs);
  pin_foreign_map(theirs + "/slots");
  fs::create_directories(root());
  must_run("chmod 700 " + root());
  fs::create_directory_symlink(theirs, pins());
  expect_refused("attach lower", {pins() + " is a symbolic link"});
  expect_refused("detach lower", {pins() + " is a symbolic link"});
  loader_->must("attach far --mode tc");
  EXPECT_NE(all_problems().find(pins() + " is a symbolic link"), std::string::npos) << all_problems();
  EXPECT_EQ(status().size(), 2U);
  const CommandResult all = loader_->run("detach --all");
  EXPECT_NE(all.err.find(pins() + " is a symbolic link"), std::string::npos) << all.err;
  EXPECT_EQ(must_run("tc filter show dev far ingress"), "");
  EXPECT_TRUE(fs::exists(theirs + "/slots"));
  fs::remove(pins());
  attach();
  expect_works();
}

TEST_F(PinSafetyTest, WhatSomebodyPutAmongOurPinsIsLeftAndNamed) {
  attach();
  fs::create_directory(pins() + "/theirs");
  pin_foreign_map(pins() + "/their_map");
  loader_->must("set upper --vlan 43");
  loader_->must("attach lower");
  expect_works();

  const CommandResult detached = loader_->run("detach lower");
  EXPECT_EQ(detached.status, 0) << detached.err;
  EXPECT_NE(detached.err.find("their_map, theirs, which rxfilter has not made"), std::string::npos) << detached.err;
  EXPECT_EQ(filters(), "");
  EXPECT_TRUE(fs::exists(pins() + "/theirs") && fs::exists(pins() + "/their_map"));
  EXPECT_NE(all_problems().find("their_map, theirs"), std::string::npos) << all_problems();

  attach();
  expect_works();
  loader_->must("detach lower");
  fs::remove(pins() + "/theirs");
  fs::remove(pins() + "/their_map");
  loader_->must("detach --all");
  EXPECT_FALSE(fs::exists(root()));
}

TEST_F(PinSafetyTest, AFileOfOurNameIsRefusedAndNamed) {
  fs::create_directories(pins() + "/slots");
  must_run("chmod 700 " + root() + " " + pins());
  expect_refused("attach lower", {pins() + "/slots"});
  EXPECT_EQ(filters(), "");
  fs::remove(pins() + "/slots");
  attach();
}

// Damage

TEST_F(PinSafetyTest, ADamagedRecordIsThatUppersAlone) {
  topology_.reset();
  topology_.emplace(Uppers::bridge);
  attach();
  loader_->must("set sibling --vlan 7");
  {
    auto maps = must(datapath::RuleMaps::open(pins()));
    const auto values = must(maps.filters());
    rxf_filter value = *values.at(ifindex_of("upper"));
    value.message_length = RXF_FILTER_MESSAGE_SIZE + 1;
    must(maps.put_filter(ifindex_of("upper"), value));
  }
  EXPECT_NE(all_problems().find("the record of upper's filter set cannot be read"), std::string::npos)
      << all_problems();
  EXPECT_EQ(loader_->must("get sibling --json").find("error"), std::string::npos);
  const CommandResult set = loader_->run("set sibling --vlan 8");
  EXPECT_EQ(set.status, 0) << set.err;
  EXPECT_NE(set.err.find("upper is unfiltered until rxfilter-loader set upper"), std::string::npos) << set.err;
  expect_works();
  EXPECT_EQ(loader_->must("get upper"), "upper: unfiltered\n");
  loader_->must(kSet);
  expect_works();
  EXPECT_EQ(all_problems(), "");
  loader_->must("detach lower");
  EXPECT_EQ(filters(), "");
}

class PinDamageTest : public PinSafetyTest, public testing::WithParamInterface<std::tuple<const char*, bool>> {
 protected:
  // Gone, or somebody else's map in its place.
  void damage() {
    const auto& [map, replaced] = GetParam();
    fs::remove(pins() + "/" + map);
    if (replaced) pin_foreign_map(pins() + "/" + map);
  }
};

TEST_P(PinDamageTest, ItCanBeDetached) {
  const std::string before = host_state(bpffs_->path());
  attach();
  loader_->must("attach far --mode tc");
  damage();
  EXPECT_NE(loader_->run("status").out.find("far"), std::string::npos) << "the other device";
  const CommandResult detached = loader_->run("detach lower");
  EXPECT_EQ(detached.status, 0) << detached.err;
  EXPECT_NE(detached.err.find(std::get<0>(GetParam())), std::string::npos) << detached.err;
  EXPECT_EQ(filters(), "");
  loader_->must("detach --all");
  EXPECT_FALSE(fs::exists(root()));
}

TEST_P(PinDamageTest, ItCanBeAttachedAgain) {
  attach();
  damage();
  const CommandResult attached = loader_->run("attach lower --mode tc");
  EXPECT_EQ(attached.status, 0) << attached.err;
  EXPECT_NE(attached.err.find("were missing or not rxfilter's"), std::string::npos) << attached.err;
  const bool kept = std::string(std::get<0>(GetParam())) == "meta";
  EXPECT_EQ(loader_->must("get upper") == "upper: unfiltered\n", !kept);
  loader_->must(kSet);
  expect_works();
  EXPECT_EQ(all_problems(), "");
  loader_->must("detach lower");
  EXPECT_EQ(filters(), "");
}

INSTANTIATE_TEST_SUITE_P(Maps, PinDamageTest,
                         testing::Combine(testing::Values("meta", "uppers", "filters", "mode"), testing::Bool()),
                         [](const testing::TestParamInfo<std::tuple<const char*, bool>>& damage) {
                           return std::string(std::get<0>(damage.param)) +
                                  (std::get<1>(damage.param) ? "Replaced" : "Gone");
                         });

}  // namespace
}  // namespace rxf::test
