// SPDX-License-Identifier: GPL-2.0-only
// The machine is reset while attached: what comes up again is a host without filters. The case runs twice, before the
// reset and after it; the machine's disk, empty at first, is what it knows that by.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iostream>
#include <thread>

#include "tests/support/command.h"
#include "tests/support/loader_command.h"
#include "tests/support/packet_listener.h"
#include "tests/support/system_call.h"
#include "tests/support/tap_reader.h"
#include "tests/support/topology.h"
#include "tests/vm_stock/filtered_upper.h"
#include "tests/vm_stock/machine_nics.h"

namespace rxf::test {
namespace {

constexpr const char* kDisk = "/dev/vda";
constexpr char kMark = 'R';

bool is_second_start() {
  const Fd disk = checked_fd(open(kDisk, O_RDONLY | O_CLOEXEC), kDisk);
  char first = 0;
  checked(static_cast<int>(read(disk.get(), &first, 1)), kDisk);
  return first == kMark;
}

// Never returns.
void reset_machine() {
  const Fd disk = checked_fd(open(kDisk, O_WRONLY | O_CLOEXEC), kDisk);
  checked(static_cast<int>(write(disk.get(), &kMark, 1)), kDisk);
  checked(fsync(disk.get()), kDisk);
  std::cout << "  reset" << std::endl;
  std::ofstream("/proc/sysrq-trigger") << 'b' << std::flush;
  std::this_thread::sleep_for(std::chrono::seconds(10));
}

TEST(ResetTest, NothingIsLeftOfAnAttach) {
  silence_ipv6();
  take_machine_nics();
  const LoaderCommand loader("/sys/fs/bpf");
  FrameSender sender(ifindex_of("far"));
  if (is_second_start()) {
    EXPECT_EQ(loader.must("status"), "no device is attached\n");
    EXPECT_EQ(must_run("bpftool prog show | grep -c rxf_ || true"), "0\n");
    PacketListener host(ifindex_of("lower"));
    must_run("ip link set lower promisc on");
    EXPECT_EQ(arrivals(sender, host, upper_probes()), all_arrivals(upper_probes()));
    return;
  }

  add_upper();
  loader.must("attach lower");
  loader.must(kSetUpper);
  {
    TapReader tap("upper");
    ASSERT_EQ(arrivals(sender, tap, upper_probes()), wanted_arrivals());
  }
  reset_machine();
  FAIL() << "the machine was not reset";
}

}  // namespace
}  // namespace rxf::test
