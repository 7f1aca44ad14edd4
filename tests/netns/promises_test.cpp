// SPDX-License-Identifier: GPL-2.0-only
// What `status` shows as well is well: each promise that is broken behind our back has its `!`, with the next step, for
// as long as it is broken. A command refuses only what it adds itself.
#include <gtest/gtest.h>

#include "loader/mirror/operations.h"
#include "tests/support/command.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/loader_fixture.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

constexpr const char* kFurther = "02:bb:00:00:00:01";
constexpr const char* kGroup = "01:00:5e:01:02:03";

// far ==veth== lower <-- macvtap `upper`, in bridge mode with `sibling`, or in passthru.
class PromisesTest : public LoaderFixture {
 protected:
  void begin(Uppers uppers, const std::string& set) {
    topology_.emplace(uppers);
    loader_->must("attach lower");
    loader_->must("set upper " + set);
    EXPECT_EQ(problems(), std::vector<std::string>{});
  }

  [[nodiscard]] std::vector<std::string> problems() const {
    return must(mirror::status({.bpffs = bpffs_->path()}, "lower")).problems;
  }

  // One `!` after `breaks`, which has these words; none any more after `mends`.
  void expect_problem(const std::string& breaks, const std::vector<std::string>& words, const std::string& mends) {
    SCOPED_TRACE(breaks);
    must_run(breaks);
    const std::vector<std::string> there = problems();
    ASSERT_EQ(there.size(), 1U);
    for (const std::string& word : words) EXPECT_NE(there.front().find(word), std::string::npos) << there.front();
    EXPECT_NE(loader_->must("status").find("! " + there.front()), std::string::npos);
    if (mends.empty())
      loader_->must("attach lower");
    else
      must_run(mends);
    EXPECT_EQ(problems(), std::vector<std::string>{});
  }
};

const std::string kAttach = "rxfilter-loader attach lower";

TEST_F(PromisesTest, EntriesThatAreTakenOffTheKernelsLists) {
  begin(Uppers::passthru, std::string("--unicast ") + kFurther + " --multicast " + kGroup);
  expect_problem(std::string("bridge fdb del ") + kFurther + " dev upper self",
                 {kFurther, "upper's unicast list", kAttach}, "");
  expect_problem(std::string("ip maddr del ") + kGroup + " dev upper", {kGroup, "upper's multicast list", kAttach}, "");
}

TEST_F(PromisesTest, AFlagThatIsSwitchedOff) {
  begin(Uppers::passthru, "--multicast all");
  expect_problem("ip link set dev upper promisc off", {"upper asks for all multicast", kAttach}, "");
}

TEST_F(PromisesTest, AllMulticastOfAnUpperThatWasDown) {
  for (const Uppers uppers : {Uppers::passthru, Uppers::bridge}) {
    topology_.emplace(uppers);
    must_run("ip link set dev upper down");
    loader_->must("attach lower");
    loader_->must("set upper --multicast all");
    EXPECT_EQ(problems(), std::vector<std::string>{});
    must_run("ip link set dev upper up");
    EXPECT_EQ(problems(), std::vector<std::string>{});
    EXPECT_NE(must_run("ip -o link show upper").find(uppers == Uppers::passthru ? "PROMISC" : "ALLMULTI"),
              std::string::npos);
    loader_->must("detach lower");
  }
}

TEST_F(PromisesTest, SteeringThatSomebodyRemoves) {
  begin(Uppers::bridge, std::string("--unicast ") + kFurther);
  expect_problem("tc filter del dev lower ingress pref 200", {"not steered", kAttach}, "");
  expect_problem("tc filter del dev lower egress pref 200", {"goes to the wire", kAttach}, "");
}

TEST_F(PromisesTest, AnAddressThatGetsAnotherOwner) {
  begin(Uppers::bridge, std::string("--unicast ") + kFurther);
  const std::string claim = std::string(kFurther) + " is a further address of upper";
  const std::string next = std::string("rxfilter-loader set upper --unicast -") + kFurther;
  expect_problem(std::string("ip link set dev lower address ") + kFurther, {claim, "lower's own address", next},
                 "ip link set dev lower address 02:ee:00:00:00:01");
  expect_problem(std::string("bridge fdb add ") + kFurther + " dev lower self",
                 {claim, "on the unicast list of lower", next},
                 std::string("bridge fdb del ") + kFurther + " dev lower self");
  expect_problem(std::string("ip link set dev sibling address ") + kFurther, {claim, "sibling's own address", next},
                 "ip link set dev sibling address 02:aa:00:00:00:02");
}

TEST_F(PromisesTest, AnotherChangeIsNotRefusedForIt) {
  begin(Uppers::bridge, std::string("--unicast ") + kFurther);
  must_run(std::string("ip link set dev sibling address ") + kFurther);
  loader_->must("set upper --vlan 5");
  const CommandResult more = loader_->run("set upper --unicast +02:aa:00:00:00:02,+02:bb:00:00:00:02");
  EXPECT_EQ(more.status, 0) << more.err << " the sibling has given its former address up";
  must_run("ip link set dev lower address 02:bb:00:00:00:03");
  const CommandResult refused = loader_->run("set upper --unicast +02:bb:00:00:00:03");
  EXPECT_NE(refused.status, 0);
  EXPECT_NE(refused.err.find("lower's own address"), std::string::npos) << refused.err;
}

// The commands say so too, and so would the daemon's log.
TEST_F(PromisesTest, ACommandTellsOfTheConflict) {
  begin(Uppers::bridge, std::string("--unicast ") + kFurther);
  must_run(std::string("ip link set dev lower address ") + kFurther);
  EXPECT_NE(loader_->run("set sibling --vlan 5").err.find("lower's own address"), std::string::npos);
}

// What holds no more is told anew when it is so again.
class ConflictFollowedTest : public DaemonFixture {
 protected:
  [[nodiscard]] std::size_t times_told() const {
    const std::string log = daemon_->log();
    const std::string told = std::string(kFurther) + " is a further address of first, and low's own address";
    std::size_t count = 0;
    for (std::size_t at = 0; (at = log.find(told, at)) != std::string::npos; ++at) ++count;
    return count;
  }

  [[nodiscard]] std::size_t problems() const {
    return must(mirror::status({.bpffs = bpffs_->path()}, "low")).problems.size();
  }
};

TEST_F(ConflictFollowedTest, TheDaemonTellsOfItEachTime) {
  make_lower("low");
  make_upper("low", "first", {{0x02, 0xaa, 0, 0, 0, 1}});
  (void)must(mirror::attach({.bpffs = bpffs_->path()}, "low", {}));
  set("first",
      {.addresses = AddressFilter{.flags = {.broadcast = true}, .unicast = {MacAddress::parse(kFurther).value()}}});
  start();
  for (std::size_t time = 1; time <= 2; ++time) {
    must_run(std::string("ip link set dev low address ") + kFurther);
    EXPECT_TRUE(eventually([&] { return times_told() == time; })) << daemon_->log();
    EXPECT_EQ(problems(), 1U);
    must_run("ip link set dev low address 02:ee:00:00:00:01");
    expect_followed("low", "the address is given back");
    EXPECT_EQ(problems(), 0U);
  }
}

}  // namespace
}  // namespace rxf::test
