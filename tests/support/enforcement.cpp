// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/enforcement.h"

#include <linux/if.h>

#include <algorithm>
#include <map>
#include <set>

#include "loader/mirror/guards.h"
#include "loader/mirror/kernel_filters.h"
#include "loader/mirror/lowerdev.h"
#include "loader/model/plan.h"
#include "loader/netlink/address_lists.h"
#include "tests/support/command.h"

namespace rxf::test {
namespace {

using Problems = std::vector<std::string>;
using mirror::Lowerdev;

void expect(bool holds, const std::string& otherwise, Problems& problems) {
  if (!holds) problems.push_back(otherwise);
}

// A failed look is a problem as well.
template <class T>
T looked(Result<T> result, Problems& problems) {
  if (result) return std::move(*result);
  problems.push_back(result.error().text);
  return T{};
}

class Check {
 public:
  explicit Check(Lowerdev& device) : device_(device) {}

  Problems run();

 private:
  [[nodiscard]] Rules rules_in(std::uint32_t slot) const;
  void early();
  void steering();
  void guards();
  void guard(const netlink::Link& upper, const UpperPlan* planned);
  void no_leftovers();
  void lists(const netlink::Link& upper, const KernelLists& wanted);

  Lowerdev& device_;
  Problems problems_;
  LowerdevPlan plan_;
  std::map<std::uint32_t, AddressSet> addresses_;
  std::map<std::uint32_t, rxf_upper> uppers_;
  std::set<std::uint32_t> active_;
};

Rules Check::rules_in(std::uint32_t slot) const {
  const std::uint64_t bits = device_.maps.rules(slot);
  const auto found = addresses_.find(slot);
  return {.any_vlan = (bits & RXF_RULE_ANY_VLAN) != 0,
          .any_address = (bits & RXF_RULE_ANY_ADDRESS) != 0,
          .broadcast = (bits & RXF_RULE_BROADCAST) != 0,
          .allmulti = (bits & RXF_RULE_ALLMULTI) != 0,
          .addresses = found == addresses_.end() ? AddressSet{} : found->second,
          .vlans = device_.maps.vlans(slot)};
}

void Check::early() {
  expect(rules_in(RXF_SLOT_UNION) == plan_.early.wanted, "the early drop's union is not the plan's", problems_);
  const auto host = addresses_.find(RXF_SLOT_HOST);
  expect((host == addresses_.end() ? AddressSet{} : host->second) == plan_.early.host.addresses,
         "the host's addresses are not the plan's", problems_);
  expect(device_.maps.sole() == plan_.early.sole, "whether somebody is beside nobody is not the plan's", problems_);
  expect(device_.maps.vlans(RXF_SLOT_HOST) == plan_.early.host.vlans, "the host's VLANs are not the plan's", problems_);
}

void Check::steering() {
  std::map<MacAddress, std::pair<std::uint32_t, std::uint32_t>> there;
  for (const auto& [address, claim] : looked(device_.maps.steering(), problems_))
    there[address] = {claim.index, claim.flags & RXF_STEER_EGRESS};
  std::map<MacAddress, std::pair<std::uint32_t, std::uint32_t>> wanted;
  for (const auto& [ifindex, upper] : plan_.uppers)
    for (const MacAddress& address : upper.steered)
      wanted[address] = {uppers_[ifindex].index, upper.steer_egress ? RXF_STEER_EGRESS : 0U};
  expect(there == wanted, "the further unicast addresses are not steered as planned", problems_);
}

void Check::guard(const netlink::Link& upper, const UpperPlan* planned) {
  const std::string filters = must_run("tc filter show dev " + upper.name + " ingress 2>/dev/null || :");
  std::size_t programs = 0;
  for (auto at = filters.find("name rxf_guard"); at != std::string::npos; at = filters.find("name rxf_guard", at + 1))
    ++programs;
  expect(programs == (planned == nullptr ? 0 : 1), upper.name + " has " + std::to_string(programs) + " guards",
         problems_);
  const auto entry = uppers_.find(upper.ifindex);
  expect((entry != uppers_.end()) == (planned != nullptr), upper.name + "'s entry in `uppers`", problems_);
  if (planned == nullptr || entry == uppers_.end()) return;

  expect(looked(mirror::guard_is_attached(device_, upper.ifindex, entry->second), problems_),
         upper.name + "'s guard is not where it is noted", problems_);
  const std::uint32_t slot = device_.maps.active(entry->second.index);
  active_.insert(slot);
  expect(slot != RXF_NO_SLOT && rules_in(slot) == planned->guard,
         upper.name + "'s slot " + std::to_string(slot) + " is not what its filter set says", problems_);
}

void Check::guards() {
  for (const netlink::Link* upper : device_.host.uppers_of(device_.link.ifindex)) {
    const auto planned = plan_.uppers.find(upper->ifindex);
    guard(*upper, planned == plan_.uppers.end() ? nullptr : &planned->second);
    // Otherwise they are as the kernel wants them.
    if (!mirror::kept_by_kernel(*upper))
      lists(*upper, planned == plan_.uppers.end() ? KernelLists{} : planned->second.kernel);
  }
  expect(uppers_.size() == plan_.uppers.size(), "`uppers` has entries of nobody", problems_);
}

void Check::no_leftovers() {
  for (std::uint32_t slot = RXF_SLOT_FIRST_GUARD; slot < RXF_MAX_SLOTS; ++slot)
    expect(device_.maps.rules(slot) == 0 || active_.contains(slot), "slot " + std::to_string(slot) + " is leaked",
           problems_);
  for (const auto& [slot, addresses] : addresses_)
    expect(slot < RXF_SLOT_FIRST_GUARD || addresses.empty() || active_.contains(slot),
           "slot " + std::to_string(slot) + " has addresses of nobody", problems_);
  for (std::uint32_t index = 0; index < RXF_MAX_UPPERS; ++index)
    expect(device_.maps.active(index) == RXF_NO_SLOT || active_.contains(device_.maps.active(index)),
           "index " + std::to_string(index) + " is active for nobody", problems_);
}

void Check::lists(const netlink::Link& upper, const KernelLists& wanted) {
  expect(looked(netlink::fdb_unicast(device_.host.socket, upper), problems_) == wanted.unicast,
         upper.name + "'s unicast list", problems_);
  expect(looked(netlink::multicast_references(upper), problems_) == wanted.multicast, upper.name + "'s multicast list",
         problems_);
  const auto flag = upper.upper_mode == UpperMode::passthru ? netlink::kPromisc : netlink::kAllmulti;
  expect(((upper.flags & flag.bit) != 0) == wanted.allmulti, upper.name + "'s flag " + flag.name, problems_);
}

Problems Check::run() {
  const auto records = looked(device_.records(), problems_);
  plan_ = plan(looked(device_.snapshot(records), problems_));
  addresses_ = looked(device_.maps.addresses(), problems_);
  uppers_ = looked(device_.maps.uppers(), problems_);
  early();
  guards();
  steering();
  no_leftovers();
  return problems_;
}

}  // namespace

std::vector<std::string> enforcement_problems(const std::string& bpffs, const std::string& lower) {
  auto host = mirror::Host::open();
  if (!host) return {host.error().text};
  const auto link = netlink::link_by_name(host->socket, lower);
  if (!link) return {link.error().text};
  auto device = mirror::open_lowerdev({.bpffs = bpffs}, std::move(*host), *link, datapath::PinDirectory::Access::read);
  if (!device) return {device.error().text};
  return Check(*device).run();
}

}  // namespace rxf::test
