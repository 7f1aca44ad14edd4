// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace rxf::test {

// Two NICs of the virtual machine that are on one wire (tests/vm/run).
enum class MachineNics {
  virtio,  // both
  vmxnet3  // `lower`, which strips VLAN tags while rx-vlan-offload is on; `far` is virtio
};

// They are `lower` and `far` in the calling thread's network namespace from now on, and up, `lower` with kLowerAddress.
// They go back when that namespace goes. Throws std::runtime_error.
void take_machine_nics(MachineNics which = MachineNics::virtio);

}  // namespace rxf::test
