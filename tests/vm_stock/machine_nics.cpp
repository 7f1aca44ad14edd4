// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_stock/machine_nics.h"

#include <fcntl.h>

#include <string>

#include "tests/support/command.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/system_call.h"
#include "tests/vm_stock/filtered_upper.h"

namespace rxf::test {
namespace {

// By the last two bytes of the addresses that tests/vm/run gives them: the permanent ones, since a driver may have one
// that a test gave it. Those of another pair may have the names still.
std::string name_them(MachineNics which) {
  const std::string wire = which == MachineNics::virtio ? "00" : "30";
  return "for i in $(ls /sys/class/net); do [ -e /sys/class/net/$i/device ] || continue;"
         "  ip link set $i down && ip link set $i name other$(cat /sys/class/net/$i/ifindex) || exit; done;"
         "for i in $(ls -d /sys/class/net/other*); do i=${i##*/}; case $(ethtool -P $i) in"
         "  *:" +
         wire + ":01) ip link set $i name lower ;; *:" + wire +
         ":02) ip link set $i name far ;; esac || exit;"
         "done; ";
}

}  // namespace

void take_machine_nics(MachineNics which) {
  const Fd here = current_netns();
  {
    const NamespaceSwitch home(checked_fd(open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC), "open /proc/1/ns/net").get());
    must_run(name_them(which) + std::string("for i in lower far; do ip link set $i netns ") + netns_path(here.get()) +
             " || exit; done");
  }
  must_run(std::string("ip link set lower address ") + kLowerAddress +
           " && ip link set lower up && ip link set far up");
  wait_until_up({"lower", "far"});
}

}  // namespace rxf::test
