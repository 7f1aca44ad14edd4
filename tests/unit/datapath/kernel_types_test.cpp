// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/kernel_types.h"

#include <gtest/gtest.h>
#include <linux/if_link.h>

#include <filesystem>

namespace rxf::datapath {
namespace {

class KernelTypes : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists("/sys/kernel/btf/vmlinux")) GTEST_SKIP() << "the kernel has no BTF";
  }
};

TEST_F(KernelTypes, EnumeratorHasItsValue) {
  EXPECT_EQ(kernel_enumerator("IFLA_IFNAME"), IFLA_IFNAME);
  EXPECT_EQ(kernel_enumerator("IFLA_EXT_MASK"), IFLA_EXT_MASK);
}

TEST_F(KernelTypes, NameHasToBeTheWholeOfIt) {
  EXPECT_EQ(kernel_enumerator("IFLA_IFNAM"), std::nullopt);
  EXPECT_EQ(kernel_enumerator("IFLA_IFNAME_THAT_NEVER_WAS"), std::nullopt);
}

TEST_F(KernelTypes, AttributeIsTheEnumerator) {
  const auto number = rx_filter_attribute();
  EXPECT_EQ(number.has_value(), kernel_enumerator("IFLA_RX_FILTER").has_value());
  if (number) {
    EXPECT_EQ(*number, kernel_enumerator("IFLA_RX_FILTER"));
  }
}

}  // namespace
}  // namespace rxf::datapath
