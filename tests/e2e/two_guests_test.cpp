// SPDX-License-Identifier: GPL-2.0-only
// Two guests on one NIC, in bridge mode: each gets its own, whatever the other wants or does.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/e2e/guest_host.h"
#include "tests/e2e/guest_needs.h"

namespace rxf::test {
namespace {

void tell(GuestHost::Guest& guest, const std::vector<std::string>& commands) {
  for (const std::string& command : commands) guest.machine->must(command);
}

TEST(TwoGuestsTest, EachGetsItsOwn) {
  if (const std::string why = why_no_e2e_tests(); !why.empty()) GTEST_SKIP() << why;
  GuestHost host(Uppers::bridge);
  GuestHost::Guest& first = host.add("upper", std::string("unicast = any\n") + GuestHost::kAtOnce);
  GuestHost::Guest& second = host.add("sibling", GuestHost::kAtOnce);
  host.follow();
  for (GuestHost::Guest* guest : {&first, &second}) {
    guest->machine->wait_until_booted();
    host.bring_up(*guest);
  }
  const auto nothing = [] {};
  host.expect_after(first, "up", nothing, kPlain);
  host.expect_after(second, "the second up", nothing, kPlain);

  const auto first_wishes = [&] {
    tell(first, {"sh insmod /lib/modules/8021q.ko", "vlan eth0 42", "join eth0 01:00:5e:01:02:03 1",
                 "sh ip link add link eth0 name more address 02:bb:00:00:00:01 type macvlan mode bridge",
                 "sh ip link set more up"});
  };
  const Names first_wanted =
      kPlain + Names{"own.42", "broadcast.42", "all-hosts.42", "group", "group.42", "further", "further.42"};
  host.expect_after(first, "the first one's wishes", first_wishes, first_wanted);
  host.expect_after(second, "the first one's wishes, at the second", nothing, kPlain);

  const auto second_wishes = [&] { tell(second, {"sh insmod /lib/modules/8021q.ko", "vlan eth0 43"}); };
  const Names second_wanted = kPlain + Names{"own.43", "broadcast.43", "all-hosts.43"};
  host.expect_after(second, "the second one's wishes", second_wishes, second_wanted);
  host.expect_after(first, "the second one's wishes, at the first", nothing, first_wanted);

  // Any address but one that somebody has.
  const auto steal = [&] {
    tell(first, {"sh ip link add link eth0 name stolen address 02:aa:00:00:00:02 type macvlan mode bridge",
                 "sh ip link set stolen up"});
  };
  host.expect_after(first, "the second one's address in the first", steal, first_wanted);
  const auto refused = [&] {
    const auto refusals = host.report(first).refusals;
    return refusals.size() == 1 && refusals[0].what == to_string(GuestHost::kSiblingAddress) &&
           refusals[0].why.find("sibling") != std::string::npos;
  };
  EXPECT_TRUE(GuestHost::eventually(refused)) << guest::to_json(host.report(first)).dump(1);
  host.expect_after(second, "the second one's address in the first, at the second", nothing, second_wanted);

  const auto reboot = [&] {
    second.machine->control().tell("sh reboot -f");
    second.machine->wait_until_booted();
  };
  host.expect_after(second, "the second one rebooted", reboot, kPlain + kAllMulticast, GuestHost::Link::away);
  host.expect_after(first, "the second one rebooted, at the first", nothing, first_wanted);
  if (HasFailure()) std::cerr << host.logs();
}

}  // namespace
}  // namespace rxf::test
