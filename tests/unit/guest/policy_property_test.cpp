// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "loader/cli/filter_json.h"
#include "tests/unit/guest/guest_values.h"
#include "tools/guest/policy.h"

namespace rxf::guest {
namespace {

using test::mac;

// Random values from pools so small that policies, requests, owners and what was granted before often meet.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  unsigned below(unsigned end) { return std::uniform_int_distribution<unsigned>(0, end - 1)(engine_); }
  bool chance(unsigned percent) { return below(100) < percent; }

  // Two vendors, eight addresses each; seldom one that belongs in no list, or is a group where that is odd.
  MacAddress address(bool group) {
    if (chance(2)) return chance(50) ? MacAddress{} : mac("ff:ff:ff:ff:ff:ff");
    if (chance(2)) group = !group;
    const auto vendor = static_cast<std::uint8_t>(below(2));
    return {{static_cast<std::uint8_t>(group ? 0x33 : 0x02), 0, vendor, 0, 0, static_cast<std::uint8_t>(below(8))}};
  }
  AddressSet addresses(bool group) {
    AddressSet set;
    for (unsigned i = below(10); i > 0; --i) set.insert(address(group));
    return set;
  }
  VlanSet vlans() {
    VlanSet set;
    for (unsigned i = below(6); i > 0; --i) set.insert(static_cast<std::uint16_t>(1 + below(12)));
    return set;
  }
  AddressRule rule(bool group) {
    AddressRule rule{.any = chance(30)};
    for (unsigned i = below(4); i > 0; --i) rule.allowed.push_back(pattern(group));
    if (chance(40)) rule.limit = 1 + below(6);
    return rule;
  }
  Policy policy() {
    return {.main_mac = rule(false),
            .unicast = rule(false),
            .multicast = rule(true),
            .all_multicast = chance(10),
            .vlans = chance(50) ? std::optional(vlans()) : std::nullopt,
            .promisc = chance(40),
            .allmulti = chance(50)};
  }
  GuestRequest request() {
    GuestRequest request{.silent = chance(10),
                         .main_mac = address(false),
                         .promisc = chance(20),
                         .any_unicast = chance(20),
                         .unicast = addresses(false),
                         .any_multicast = chance(30),
                         .multicast = addresses(true),
                         .any_vlan = chance(20)};
    if (!request.any_vlan) request.vlans = vlans();
    return request;
  }
  FilterSet previous() {
    if (chance(10)) return {};
    return {.addresses = AddressFilter{.unicast = addresses(false), .multicast = addresses(true)}, .vlans = vlans()};
  }
  Owners owners() {
    Owners owners;
    for (const MacAddress& address : addresses(false)) owners[address] = "eth2";
    return owners;
  }

 private:
  AddressPattern pattern(bool group) {
    AddressPattern pattern{address(group)};
    if (chance(70)) return pattern;
    pattern.bits = 24;
    pattern.address.bytes[3] = pattern.address.bytes[4] = pattern.address.bytes[5] = 0;
    return pattern;
  }

  std::mt19937 engine_;
};

struct Case {
  MacAddress configured;
  Policy policy;
  GuestRequest request;
  FilterSet previous;
  Owners owners;

  [[nodiscard]] Judgement judged() const { return judge(policy, configured, request, previous, owners); }
};

Case draw(Random& random) {
  Case drawn{.configured = random.address(false),
             .policy = random.policy(),
             .request = random.request(),
             .previous = random.previous(),
             .owners = random.owners()};
  if (random.chance(70)) drawn.request.main_mac = drawn.configured;
  return drawn;
}

constexpr unsigned kCases = 20'000;

// Of `unicast` all but the configured address and an allowed main MAC.
AddressSet further(const Case& one, AddressSet unicast) {
  unicast.erase(one.configured);
  if (one.policy.main_mac.allows(one.request.main_mac)) unicast.erase(one.request.main_mac);
  return unicast;
}

void expect_within(const Case& one, const FilterSet& granted) {
  const Policy& policy = one.policy;
  const AddressFilter& addresses = granted.addresses.value();
  EXPECT_TRUE(addresses.flags.broadcast);
  EXPECT_LE(addresses.flags.promisc, policy.promisc && (one.request.promisc || one.request.any_unicast));
  EXPECT_LE(addresses.flags.allmulti, policy.all_multicast || (policy.allmulti && policy.multicast.allows_every()));
  for (const MacAddress& address : addresses.unicast)
    EXPECT_TRUE(address == one.configured || !one.owners.contains(address));
  const AddressSet rest = further(one, addresses.unicast);
  EXPECT_LE(rest.size(), policy.unicast.limit);
  for (const MacAddress& address : rest) EXPECT_TRUE(policy.unicast.allows(address)) << to_string(address);
  EXPECT_LE(addresses.multicast.size(), policy.multicast.limit);
  for (const MacAddress& address : addresses.multicast) EXPECT_TRUE(policy.multicast.allows(address));
  if (!policy.vlans) return;
  ASSERT_TRUE(granted.vlans);
  VlanSet outside = *granted.vlans;
  EXPECT_TRUE((outside -= *policy.vlans).empty());
}

// Nobody gets what it did not ask for, but what a guest needs in any case and what stands in for "all".
void expect_asked(const Case& one, const FilterSet& granted) {
  const AddressFilter& addresses = granted.addresses.value();
  const bool every = one.request.any_multicast || one.request.promisc;
  EXPECT_TRUE(one.request.any_unicast || difference(further(one, addresses.unicast), one.request.unicast).empty());
  EXPECT_TRUE(every || difference(addresses.multicast, one.request.multicast).empty());
  EXPECT_LE(addresses.flags.allmulti, every || one.policy.all_multicast);
  if (one.request.any_vlan || (one.request.promisc && one.policy.promisc)) return;
  ASSERT_TRUE(granted.vlans);
  VlanSet unasked = *granted.vlans;
  EXPECT_TRUE((unasked -= one.request.vlans).empty());
}

TEST(PolicyProperty, WhatIsGrantedIsAskedForAndWithinThePolicy) {
  Random random(1);
  for (unsigned i = 0; i < kCases && !HasFailure(); ++i) {
    const Case one = draw(random);
    const Judgement judgement = one.judged();
    EXPECT_TRUE(validate(judgement.granted)) << validate(judgement.granted).error().text;
    expect_within(one, judgement.granted);
    expect_asked(one, judgement.granted);
    EXPECT_TRUE(std::ranges::is_sorted(judgement.refusals));
    EXPECT_TRUE(!one.request.silent || judgement.refusals.empty());
    EXPECT_EQ(one.judged(), judgement);
    if (HasFailure()) ADD_FAILURE() << "case " << i << ": " << cli::to_json(judgement.granted).dump();
  }
}

// Asked for by name: granted, or refused, or received all the same.
TEST(PolicyProperty, NothingIsLostWithoutARefusal) {
  Random random(2);
  for (unsigned i = 0; i < kCases && !HasFailure(); ++i) {
    Case one = draw(random);
    if (one.request.silent) continue;
    const Judgement judgement = one.judged();
    const AddressFilter& addresses = judgement.granted.addresses.value();
    const auto refused = [&](RefusalKind kind, const std::string& what) {
      return std::ranges::any_of(judgement.refusals,
                                 [&](const Refusal& refusal) { return refusal.kind == kind && refusal.what == what; });
    };
    for (const MacAddress& address : one.request.unicast)
      EXPECT_NE(addresses.unicast.contains(address) || addresses.flags.promisc,
                refused(RefusalKind::unicast, to_string(address)));
    one.request.multicast.erase(mac("ff:ff:ff:ff:ff:ff"));
    for (const MacAddress& address : one.request.multicast)
      EXPECT_NE(addresses.multicast.contains(address) || addresses.flags.promisc || addresses.flags.allmulti,
                refused(RefusalKind::multicast, to_string(address)));
    EXPECT_EQ(one.request.promisc && !addresses.flags.promisc, refused(RefusalKind::promisc, "promiscuous"));
    // It may be refused, and granted as a further address.
    EXPECT_TRUE(one.request.main_mac == one.configured || addresses.unicast.contains(one.request.main_mac) ||
                refused(RefusalKind::main_mac, to_string(one.request.main_mac)));
    if (HasFailure()) ADD_FAILURE() << "case " << i << ": " << cli::to_json(judgement.granted).dump();
  }
}

// One step towards allowing more. Where a limit cuts, more to choose from may lead to another choice: patterns are
// widened only where none does.
Policy widened(const Policy& policy, Random& random) {
  Policy wider = policy;
  const auto raise = [&](AddressRule& rule) {
    rule.limit = std::min(rule.limit + random.below(4), FilterSet::kMaxAddresses);
  };
  const auto add = [&](AddressRule& rule, bool group) {
    const bool cuts = rule.limit < FilterSet::kMaxAddresses;
    if (cuts) return;
    const AddressRule more = random.rule(group);
    rule.any = rule.any || more.any;
    rule.allowed.insert(rule.allowed.end(), more.allowed.begin(), more.allowed.end());
  };
  switch (random.below(8)) {
    case 0:
      add(wider.main_mac, false);
      break;
    case 1:
      raise(wider.unicast);
      break;
    case 2:
      add(wider.unicast, false);
      break;
    case 3:
      raise(wider.multicast);
      break;
    case 4:
      add(wider.multicast, true);
      break;
    case 5:
      wider.promisc = true;
      break;
    case 6:
      (random.chance(50) ? wider.allmulti : wider.all_multicast) = true;
      break;
    case 7:
      if (random.chance(50))
        wider.vlans.reset();
      else if (wider.vlans)
        *wider.vlans |= random.vlans();
      break;
  }
  return wider;
}

// Whether all that `one` accepts is accepted by `other`.
bool accepts_all_of(const FilterSet& other, const FilterSet& one) {
  const AddressFilter& less = one.addresses.value();
  const AddressFilter& more = other.addresses.value();
  if (other.vlans && !one.vlans) return false;
  if (other.vlans) {
    VlanSet lost = *one.vlans;
    if (!(lost -= *other.vlans).empty()) return false;
  }
  if (more.flags.promisc) return true;
  if (less.flags.promisc || !difference(less.unicast, more.unicast).empty()) return false;
  if (more.flags.allmulti) return true;
  return !less.flags.allmulti && difference(less.multicast, more.multicast).empty();
}

TEST(PolicyProperty, WhoMayHaveMoreNeverGetsLess) {
  Random random(3);
  unsigned differ = 0;
  for (unsigned i = 0; i < kCases && !HasFailure(); ++i) {
    Case one = draw(random);
    const FilterSet before = one.judged().granted;
    one.policy = widened(one.policy, random);
    const FilterSet after = one.judged().granted;
    EXPECT_TRUE(accepts_all_of(after, before))
        << "case " << i << ": " << cli::to_json(before).dump() << " became " << cli::to_json(after).dump();
    differ += before != after ? 1 : 0;
  }
  EXPECT_GT(differ, kCases / 20) << "the draws say little";
}

// The same question a second time, with its answer for what was granted before, has the same answer.
TEST(PolicyProperty, AnswersAreStable) {
  Random random(4);
  for (unsigned i = 0; i < kCases && !HasFailure(); ++i) {
    Case one = draw(random);
    const FilterSet first = one.judged().granted;
    one.previous = first;
    const FilterSet second = one.judged().granted;
    EXPECT_EQ(second, first) << "case " << i << ": " << cli::to_json(first).dump() << " became "
                             << cli::to_json(second).dump();
  }
}

}  // namespace
}  // namespace rxf::guest
