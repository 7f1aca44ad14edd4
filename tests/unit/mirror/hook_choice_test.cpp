// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/hook_choice.h"

#include <gtest/gtest.h>

#include "tests/unit/model/values.h"

namespace rxf::mirror {
namespace {

struct Row {
  const char* name;
  DeviceTraits device;
  AttachMode mode;
  EarlyHook hook;
};

// What the kernel has the device do need not be done early in software, unless it is asked for.
const Row kRows[] = {
    {"NicOnAStockKernel", {.name = "eth2", .driver = "igc"}, AttachMode::auto_, EarlyHook::xdp_native},
    {"NicTheKernelPrograms",
     {.name = "eth2", .driver = "igc", .filtered_by_kernel = true},
     AttachMode::auto_,
     EarlyHook::none},
    {"VlanDeviceTheKernelPrograms",
     {.name = "eth2.5", .kind = "vlan", .filtered_by_kernel = true},
     AttachMode::auto_,
     EarlyHook::none},
    {"TcAsAsked", {.name = "eth2", .driver = "igc", .filtered_by_kernel = true}, AttachMode::tc, EarlyHook::tc},
    {"NativeAsAsked",
     {.name = "eth2", .driver = "igc", .filtered_by_kernel = true},
     AttachMode::native,
     EarlyHook::xdp_native},
    {"Veth", {.name = "eth2", .kind = "veth", .driver = "veth"}, AttachMode::auto_, EarlyHook::tc},
};

class ChooseHook : public testing::TestWithParam<Row> {};
TEST_P(ChooseHook, Row) {
  const auto choice = choose_hook(GetParam().device, GetParam().mode);
  ASSERT_TRUE(choice) << choice.error().text;
  EXPECT_EQ(choice->hook, GetParam().hook) << choice->reason;
}
INSTANTIATE_TEST_SUITE_P(Devices, ChooseHook, testing::ValuesIn(kRows), test::kRowName);

}  // namespace
}  // namespace rxf::mirror
