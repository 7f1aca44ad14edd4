// SPDX-License-Identifier: GPL-2.0-only
// `rxfilter-loader run` on the patched kernel: what comes over the API socket goes to the kernel, what is set in the
// kernel comes to the maps, and software does what the device does not.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "loader/daemon/api_client.h"
#include "tests/support/child_process.h"
#include "tests/support/command.h"
#include "tests/support/enforcement.h"
#include "tests/support/loader_command.h"
#include "tests/support/must.h"
#include "tests/support/scratch_bpffs.h"
#include "tests/support/topology.h"
#include "tests/support/vids.h"
#include "tests/vm_kernel/nics.h"
#include "tests/vm_kernel/wire.h"

namespace rxf::test {
namespace {

using daemon::ApiClient;
using daemon::ApiNotice;
using std::chrono::milliseconds;

constexpr const char* kSocket = "/tmp/rxfilter-api.sock";
constexpr MacAddress kListed = {{0x02, 0xbb, 0, 0, 0, 1}};
constexpr MacAddress kOther = {{0x02, 0xbb, 0, 0, 0, 2}};
constexpr MacAddress kGroup = {{0x01, 0x00, 0x5e, 1, 2, 3}};
constexpr milliseconds kQuiet{500};
constexpr milliseconds kSoon{60'000};  // loading programs takes seconds in an emulated machine

FilterSet with_vlans(std::initializer_list<std::uint16_t> list, const MacAddress& listed = kListed) {
  return {
      .addresses =
          AddressFilter{.flags = {.broadcast = true, .multicast = true}, .unicast = {listed}, .multicast = {kGroup}},
      .vlans = vids(list)};
}

// What is under the upper, as `lower`.
struct Below {
  const char* name;
  std::optional<Nic> nic;
  const char* make;  // where it is no NIC
  const char* remove;
  const char* early_drop;
  unsigned promiscuity;  // with such a filter set
};

void PrintTo(const Below& row, std::ostream* out) { *out << row.name; }

bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kSoon;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return true;
}

class Daemon : public testing::TestWithParam<Below> {
 protected:
  Daemon() {
    if (GetParam().nic)
      wired_.emplace(*GetParam().nic);
    else
      must_run(GetParam().make);
    upper_.emplace("macvtap");
    std::filesystem::remove(kSocket);
    process_.emplace(loader_.argv({"run", "--api", kSocket, "--attach", "lower"}));
    if (!eventually([&] { return loader_.run("status lower").status == 0 && ApiClient::connect(kSocket, kSoon); }))
      throw std::runtime_error("the daemon has not attached lower");
    client_.emplace(must(ApiClient::connect(kSocket, kSoon)));
  }

  ~Daemon() override {
    process_.reset();
    (void)loader_.run("detach --all");
    upper_.reset();
    if (!wired_) run(GetParam().remove);
  }

  nlohmann::json status() { return nlohmann::json::parse(loader_.must("status lower -j")); }
  std::vector<std::string> problems() { return enforcement_problems(bpffs_.path(), "lower"); }
  bool guards(const FilterSet& filter) {
    const auto uppers = status().at("uppers");
    return uppers.size() == 1 && uppers.at(0).at("guard") == true && problems().empty() && upper_->filter() == filter;
  }

  // The notices that come until it is quiet.
  std::vector<FilterSet> told(ApiClient& subscriber) {
    std::vector<FilterSet> filters;
    for (auto notice = must(subscriber.next(kSoon)); notice; notice = must(subscriber.next(kQuiet)))
      filters.push_back(notice->link.filter.value_or(FilterSet{}));
    return filters;
  }

  ScratchBpffs bpffs_;
  LoaderCommand loader_{bpffs_.path()};
  std::optional<Wired> wired_;
  std::optional<PassthruUpper> upper_;
  std::optional<ChildProcess> process_;
  std::optional<ApiClient> client_;
};

// One with filters of its own, one without.
class DaemonByKind : public Daemon {};

// And software does what the device does not.
TEST_P(Daemon, HandsASetOnToTheKernelAndAnswersWhenTheMapsHaveIt) {
  for (const FilterSet& filter : {with_vlans({5, 7}), with_vlans({7}, kOther)}) {
    must(client_->set({.name = "upper"}, exactly(filter)));
    EXPECT_EQ(upper_->filter(), filter) << "the kernel's";
    EXPECT_EQ(problems(), std::vector<std::string>{});
    EXPECT_TRUE(guards(filter));
    EXPECT_EQ(must(client_->get({.name = "upper"})).filter, filter);
  }
  EXPECT_EQ(status().at("early_drop"), GetParam().early_drop);
  EXPECT_EQ(promiscuity_of("lower"), GetParam().promiscuity);
}

TEST_P(DaemonByKind, FollowsWhatIsSetInTheKernel) {
  upper_->set(with_vlans({5, 9}));
  EXPECT_TRUE(eventually([&] { return guards(with_vlans({5, 9})); }));
  EXPECT_EQ(must(client_->get({.name = "upper"})).filter, with_vlans({5, 9}));
  upper_->set(FilterSet{});
  EXPECT_TRUE(eventually([&] { return status().at("uppers").at(0).at("guard") == false && problems().empty(); }));
}

TEST_P(DaemonByKind, TellsOfEverySetOnce) {
  ApiClient subscriber = must(ApiClient::connect(kSocket, kSoon));
  must(subscriber.subscribe());
  must(client_->set({.name = "upper"}, exactly(with_vlans({5}))));
  EXPECT_EQ(told(subscriber), std::vector{with_vlans({5})}) << "over the socket";
  upper_->set(with_vlans({6}));
  EXPECT_EQ(told(subscriber), std::vector{with_vlans({6})}) << "in the kernel";
  must(client_->set({.name = "upper"}, exactly(FilterSet{})));
  EXPECT_EQ(told(subscriber), std::vector{FilterSet{}}) << "cleared";
  EXPECT_FALSE(
      client_->set({.name = "upper"}, FilterChange{.addresses = FilterChange::Addresses{.unicast = {{kGroup}}}}));
  EXPECT_FALSE(must(subscriber.next(kQuiet))) << "refused";
}

TEST_P(DaemonByKind, RefusesWhatTheKernelRefuses) {
  const auto refused =
      client_->set({.name = "upper"}, FilterChange{.addresses = FilterChange::Addresses{.unicast = {{kListed}}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EINVAL) << refused.error().text;
  EXPECT_EQ(upper_->filter(), FilterSet{});
}

// The command line uses the daemon, and without one the kernel.
TEST_P(DaemonByKind, CommandsEndInTheSameState) {
  EXPECT_NE(loader_.run("--api " + std::string(kSocket) + " -v set upper --vlan 5").err.find("the daemon"),
            std::string::npos);
  EXPECT_EQ(upper_->filter(), (FilterSet{.vlans = vids({5})}));
  process_.reset();
  EXPECT_NE(loader_.run("--api /nowhere/api.sock -v set upper --vlan +6").err.find("the kernel"), std::string::npos);
  EXPECT_EQ(upper_->filter(), (FilterSet{.vlans = vids({5, 6})}));
  EXPECT_TRUE(guards({.vlans = vids({5, 6})}));
}

TEST_P(DaemonByKind, DetachLeavesTheKernelItsFilter) {
  must(client_->set({.name = "upper"}, exactly(with_vlans({5}))));
  process_.reset();
  loader_.must("detach lower");
  EXPECT_EQ(upper_->filter(), with_vlans({5}));
  EXPECT_EQ(run("tc filter show dev upper ingress").out, "");
}

const Below kBelowE1000 = {"E1000", kE1000, "", "", "none", 0};
const Below kBelowVirtio = {"Virtio", kVirtio, "", "", "none", 0};
const Below kVlanOverDummy = {"VlanOverDummy",
                              {},
                              "ip link add dummy8 type dummy && ip link set dummy8 up && "
                              "ip link add link dummy8 name lower type vlan id 100 && ip link set lower up",
                              "ip link del dummy8",
                              "none",
                              0};
// It has no unicast filter: one listed address makes it promiscuous.
const Below kVeth = {"Veth",
                     {},
                     "ip link add lower type veth peer name far && ip link set lower up && ip link set far up",
                     "ip link del lower",
                     "tc",
                     1};
std::string name_of(const testing::TestParamInfo<Below>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(Below, Daemon, testing::Values(kBelowE1000, kBelowVirtio, kVlanOverDummy, kVeth), name_of);
INSTANTIATE_TEST_SUITE_P(Below, DaemonByKind, testing::Values(kBelowE1000, kVeth), name_of);

// Real frames: the guard is exact where the NIC lets more in (an e1000 with more addresses than its table holds).
TEST(DaemonFrames, GuardKeepsOutWhatTheNicLetsIn) {
  const Wired wired(kE1000);
  PassthruUpper upper("macvtap");
  const ScratchBpffs bpffs;
  const LoaderCommand loader(bpffs.path());
  loader.must("attach lower");
  FilterSet filter = with_vlans({5});
  for (std::uint8_t i = 0; i < 70; ++i) filter.addresses->unicast.insert({{0x02, 0xdd, 0, 0, 0, i}});
  upper.set(filter);
  loader.must("attach lower");
  const std::vector<Probe> probes = {{"own", address_of("lower"), {}, {}},
                                     {"listed", kListed, {}, {}},
                                     {"stranger", {{0x02, 0xcc, 0, 0, 0, 1}}, {}, {}},
                                     {"broadcast", {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, {}, {}}};
  Wire wire;
  const auto dropped = [&] {
    const auto status = nlohmann::json::parse(loader.must("status lower -j"));
    return status.at("counters").at("guard").at("upper").at("dropped").at("unicast").at("packets").get<unsigned>();
  };
  const unsigned before = dropped();
  const Passed passed = wire.send(probes);
  EXPECT_EQ(passed.nic.at("stranger"), kProbeFrames) << "the NIC takes all unicast";
  EXPECT_EQ(dropped() - before, kProbeFrames);
  loader.must("detach lower");
}

}  // namespace
}  // namespace rxf::test
