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

// By the last byte of the addresses that tests/vm/run gives them.
constexpr const char* kName =
    "for i in $(ls /sys/class/net); do [ -e /sys/class/net/$i/device ] || continue;"
    "  ip link set $i down && case $(cat /sys/class/net/$i/address) in"
    "  *:01) ip link set $i name lower ;; *:02) ip link set $i name far ;; esac || exit;"
    "done; ";

}  // namespace

void take_machine_nics() {
  const Fd here = current_netns();
  {
    const NamespaceSwitch home(checked_fd(open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC), "open /proc/1/ns/net").get());
    must_run(kName + std::string("for i in lower far; do ip link set $i netns ") + netns_path(here.get()) +
             " || exit; done");
  }
  must_run(std::string("ip link set lower address ") + kLowerAddress +
           " && ip link set lower up && ip link set far up");
  wait_until_up({"lower", "far"});
}

}  // namespace rxf::test
