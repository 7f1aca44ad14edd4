// SPDX-License-Identifier: GPL-2.0-only
// The machine is one in which a bug of the series would show: its kernel watches itself, and we read what it says.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>

#include "loader/datapath/kernel_types.h"
#include "loader/netlink/rx_filter_codec.h"
#include "tests/support/command.h"
#include "tests/vm_kernel/log_watch.h"
#include "tests/vm_kernel/nics.h"
#include "tests/vm_kernel/planted.h"

namespace rxf::test {
namespace {

using datapath::kernel_enumerator;

TEST(Machine, KernelIsBuiltToFindBugs) {
  std::istringstream config(must_run("zcat /proc/config.gz"));
  std::set<std::string> lines;
  for (std::string line; std::getline(config, line);) lines.insert(line);
  for (const char* option :
       {"PROVE_LOCKING", "PROVE_RCU", "DEBUG_ATOMIC_SLEEP", "DEBUG_KMEMLEAK", "FAILSLAB", "DEBUG_INFO_BTF"})
    EXPECT_TRUE(lines.contains(std::string("CONFIG_") + option + "=y")) << option;
}

TEST(Machine, LockdepIsOn) { EXPECT_TRUE(locks_are_watched()) << must_run("cat /proc/lockdep_stats"); }

TEST(Machine, BootWasClean) {
  const auto& lines = log_watch().before_the_first_test();
  // From the very first line on.
  EXPECT_TRUE(std::ranges::any_of(lines, [](const std::string& line) { return line.starts_with("Linux version "); }));
  EXPECT_EQ(splat_in(lines), "");
}

TEST(Machine, KernelLogIsRead) {
  write_to_kernel_log("vm_kernel_test was here");
  const auto lines = log_watch().take();
  EXPECT_TRUE(std::ranges::find(lines, "vm_kernel_test was here") != lines.end());
  EXPECT_EQ(splat_in(lines), "");
  write_to_kernel_log("------------[ cut here ]------------");
  write_to_kernel_log("and this is what was cut out");
  const std::string splat = splat_in(log_watch().take());
  EXPECT_TRUE(splat.starts_with("------------[ cut here ]")) << splat;
  EXPECT_TRUE(splat.contains("what was cut out")) << splat;
}

TEST(Machine, AttributeNumbersAreTheKernels) {
  EXPECT_TRUE(datapath::rx_filter_attribute().has_value());
  EXPECT_EQ(kernel_enumerator("IFLA_ADDR_FILTER"), netlink::kIflaAddrFilter);
  EXPECT_EQ(kernel_enumerator("IFLA_VLAN_FILTER"), netlink::kIflaVlanFilter);
  EXPECT_EQ(kernel_enumerator("IFLA_ADDR_FILTER_FLAGS"), netlink::kAddrFilterFlags);
  EXPECT_EQ(kernel_enumerator("IFLA_ADDR_FILTER_UC_LIST"), netlink::kAddrFilterUcList);
  EXPECT_EQ(kernel_enumerator("IFLA_ADDR_FILTER_MC_LIST"), netlink::kAddrFilterMcList);
  EXPECT_EQ(kernel_enumerator("IFLA_ADDR_LIST_ENTRY"), netlink::kAddrListEntry);
  EXPECT_EQ(kernel_enumerator("IFLA_VLAN_BITMAP"), netlink::kVlanBitmap);
}

}  // namespace
}  // namespace rxf::test
