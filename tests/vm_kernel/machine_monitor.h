// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "tests/support/qmp_client.h"

namespace rxf::test {

// The monitor of the QEMU that this machine is in: the virtio-serial port "qmp", which one process at a time may open,
// and which stays open. Throws std::runtime_error where the machine has none.
QmpClient& machine_monitor();

}  // namespace rxf::test
