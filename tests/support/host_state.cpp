// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/host_state.h"

#include "tests/support/command.h"

namespace rxf::test {

std::string host_state(const std::string& bpffs) {
  return must_run(
      "ip -d link show && sort /proc/net/dev_mcast && bridge fdb show | sort && tc qdisc show &&"
      "for device in $(ip -o link show | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'); do"
      "  for hook in ingress egress; do"
      "    echo \"filters of $device, $hook\"; tc filter show dev $device $hook 2>&1 || :;"
      "  done;"
      "done && cd '" +
      bpffs + "' && find . | sort");
}

}  // namespace rxf::test
