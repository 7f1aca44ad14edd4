// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render_drop.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "tests/support/packet.h"

namespace rxf::cli {
namespace {

using mirror::DroppedFrame;

constexpr std::uint64_t kTime = 1'700'000'001'123'456'789;  // 2023-11-14 22:13:21 UTC
constexpr MacAddress kDestination = {{0x02, 0xaa, 0, 0, 0, 1}};

DroppedFrame frame(std::vector<VlanTag> tags = {}) {
  const auto bytes = test::to_bytes({.destination = kDestination, .tags = std::move(tags), .ether_type = 0x0800});
  return {
      .device = "eth2", .reason = Verdict::vlan, .length = static_cast<std::uint32_t>(bytes.size()), .bytes = bytes};
}

class RenderDrop : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

TEST_F(RenderDrop, TextNamesTheHook) {
  EXPECT_EQ(drop_text(frame({{kTpidCustomer, 0x6007}}), kTime),
            "22:13:21.123456 eth2 early drop: vlan  02:00:00:00:00:5e > 02:aa:00:00:00:01  vlan 7  0x0800  60 bytes\n");
  DroppedFrame guard = frame();
  guard.upper = "macvtap0";
  guard.reason = Verdict::unicast;
  EXPECT_EQ(drop_text(guard, kTime),
            "22:13:21.123456 macvtap0 guard: unicast  02:00:00:00:00:5e > 02:aa:00:00:00:01  0x0800  60 bytes\n");
}

TEST_F(RenderDrop, TextHasEveryTagOutermostFirst) {
  DroppedFrame tagged = frame({{kTpidCustomer, 7}, {kTpidCustomer, 0}});
  tagged.metadata = VlanTag{.tpid = kTpidService, .tci = 42};
  EXPECT_TRUE(drop_text(tagged, kTime).contains("  service vlan 42  vlan 7  vlan 0  0x0800  60 bytes\n"))
      << drop_text(tagged, kTime);
}

TEST_F(RenderDrop, TextSaysWhatElseIsSpecial) {
  DroppedFrame special = frame();
  special.packets = 3;
  special.length = 4000;
  special.enforced = false;
  special.device = "e\033[1m";
  EXPECT_EQ(drop_text(special, kTime),
            "22:13:21.123456 e?[1m early drop: vlan  02:00:00:00:00:5e > 02:aa:00:00:00:01  0x0800  4000 bytes  "
            "3 frames   (shadow: counted, not dropped)\n");
}

TEST_F(RenderDrop, AFrameCutAnywhereIsShown) {
  const DroppedFrame whole = frame({{kTpidCustomer, 7}});
  for (std::size_t size = 0; size <= whole.bytes.size(); ++size) {
    DroppedFrame cut = whole;
    cut.bytes.resize(size);
    const std::string text = drop_text(cut, kTime);
    EXPECT_EQ(text.contains(" > "), size >= 14) << text;
    EXPECT_EQ(text.contains("vlan 7"), size >= 18) << text;
    EXPECT_EQ(to_json(cut, kTime).contains("destination"), size >= 14);
  }
}

TEST_F(RenderDrop, Json) {
  DroppedFrame tagged = frame({{kTpidCustomer, 7}});
  tagged.metadata = VlanTag{.tpid = kTpidCustomer, .tci = 0xa02a};
  tagged.upper = "macvtap0";
  tagged.bytes.resize(20);
  EXPECT_EQ(
      to_json(tagged, kTime).dump(),
      R"({"time":"2023-11-14T22:13:21.123456789Z","device":"eth2","hook":"guard","upper":"macvtap0",)"
      R"("reason":"vlan","enforced":true,"source":"02:00:00:00:00:5e","destination":"02:aa:00:00:00:01","vlan":42,)"
      R"("tags":[{"protocol":"802.1Q","vlan":42,"priority":5},{"protocol":"802.1Q","vlan":7,"priority":0}],)"
      R"("ether_type":"0x0800","length":60,"frames":1,"bytes":"02aa0000000102000000005e8100000708000000"})");
  const Json untagged = to_json(frame(), kTime);
  EXPECT_EQ(untagged["hook"], "early");
  EXPECT_TRUE(untagged["upper"].is_null());
  EXPECT_TRUE(untagged["vlan"].is_null());
  EXPECT_EQ(untagged["tags"].dump(), "[]");
  const Json service = to_json(frame({{kTpidService, 9}}), kTime);
  EXPECT_TRUE(service["vlan"].is_null()) << "an S-tag is no VLAN to a filter set";
  EXPECT_EQ(service["tags"][0]["protocol"], "802.1ad");
}

}  // namespace
}  // namespace rxf::cli
