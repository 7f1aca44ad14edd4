// SPDX-License-Identifier: GPL-2.0-only
// A virtio-net that cannot say what its guest wants (ctrl_rx=off, ctrl_vlan=off): QEMU hands everything on, and what
// the guest receives is what the host lets through to it.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/e2e/guest_host.h"
#include "tests/e2e/guest_needs.h"

namespace rxf::test {
namespace {

TEST(BlindNicTest, TheGuestReceivesWhatThePolicyLeaves) {
  if (const std::string why = why_no_e2e_tests(); !why.empty()) GTEST_SKIP() << why;
  GuestHost host(Uppers::passthru);
  GuestHost::Guest& guest =
      host.add("upper", std::string("vlans = 42\n") + GuestHost::kAtOnce, "ctrl_rx=off,ctrl_vlan=off");
  host.follow();
  guest.machine->wait_until_booted();
  host.bring_up(guest);

  // Own address and all multicast; any VLAN that it may have.
  const Names wanted =
      kPlain + kAllMulticast + Names{"own.42", "broadcast.42", "all-hosts.42", "group.42", "other-group.42"};
  host.expect_after(
      guest, "up", [] {}, wanted);
  EXPECT_EQ(host.heard_in(guest), wanted);

  const auto wish = [&] {
    for (const char* command :
         {"sh insmod /lib/modules/8021q.ko", "vlan eth0 43", "join eth0 01:00:5e:01:02:03 1",
          "sh ip link add link eth0 name more address 02:bb:00:00:00:01 type macvlan && ip link set more up"})
      guest.machine->must(command);
  };
  host.expect_after(guest, "wishes that nobody hears", wish, wanted);
  EXPECT_EQ(host.heard_in(guest), wanted);
  if (HasFailure()) std::cerr << host.logs();
}

}  // namespace
}  // namespace rxf::test
