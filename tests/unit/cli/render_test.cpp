// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render.h"

#include <gtest/gtest.h>

#include "loader/cli/render_filter.h"
#include "loader/cli/text.h"

namespace rxf::cli {
namespace {

using mirror::Counters;
using mirror::LowerdevStatus;
using mirror::UpperStatus;

constexpr MacAddress kUnicast{{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01}};
constexpr MacAddress kGroup{{0x33, 0x33, 0, 0, 0, 0xfb}};

FilterSet filter() {
  return {
      .addresses =
          AddressFilter{.flags = {.broadcast = true, .multicast = true}, .unicast = {kUnicast}, .multicast = {kGroup}},
      .vlans = *VlanSet::parse("42,100-109")};
}

Counters guard_counters() {
  return {.admitted = {.packets = 1000, .bytes = 64000},
          .dropped = {{Verdict::vlan, {.packets = 3, .bytes = 180}},
                      {Verdict::broadcast, {}},
                      {Verdict::multicast, {}},
                      {Verdict::unicast, {.packets = 1, .bytes = 1514}}}};
}

LowerdevStatus status() {
  return {.device = "veth0",
          .ifindex = 4,
          .early = mirror::EarlyHook::xdp_native,
          .reason = "veth, no unicast filter",
          .dispatcher = true,
          .pin_directory = "/sys/fs/bpf/rxfilter/veth0",
          .early_counters = {.dropped = {{Verdict::vlan, {.packets = 12, .bytes = 720}}}},
          .uppers = {UpperStatus{.name = "macvtap0",
                                 .ifindex = 9,
                                 .mode = UpperMode::passthru,
                                 .filter = filter(),
                                 .guard = true,
                                 .counters = guard_counters()},
                     UpperStatus{.name = "macvlan1", .ifindex = 10, .mode = UpperMode::bridge},
                     UpperStatus{
                         .name = "macvlan2", .ifindex = 11, .mode = UpperMode::vepa, .filter = {.vlans = VlanSet{}}}},
          .problems = {"macvlan2 has no guard: run rxfilter-loader attach veth0"}};
}

TEST(RenderText, Attachment) {
  EXPECT_EQ(attachment_text(status(), false),
            "veth0: veth, no unicast filter -> early drop: xdp native, through libxdp's dispatcher\n"
            "  macvtap0  passthru  guard  1 unicast  1 multicast  vlans 42,100-109  flags broadcast,multicast\n"
            "  macvlan1  bridge  unfiltered\n"
            "  macvlan2  vepa  no guard  any address  vlans none\n"
            "  pinned at /sys/fs/bpf/rxfilter/veth0\n"
            "  ! macvlan2 has no guard: run rxfilter-loader attach veth0\n");
}

TEST(RenderText, AttachmentWithoutUppersOrInADryRun) {
  const LowerdevStatus bare{.device = "veth0", .reason = "veth", .pin_directory = "/p"};
  EXPECT_EQ(attachment_text(bare, false),
            "veth0: veth -> early drop: none\n  no macvlan or macvtap on it yet\n  pinned at /p\n");
  EXPECT_EQ(attachment_text(bare, true), "veth0: veth -> early drop: none\n  no macvlan or macvtap on it yet\n");
}

TEST(RenderText, Status) {
  EXPECT_EQ(status_text(status()),
            "veth0: veth, no unicast filter -> early drop: xdp native, through libxdp's dispatcher\n"
            "  macvtap0  passthru  guard  1 unicast  1 multicast  vlans 42,100-109  flags broadcast,multicast\n"
            "    admitted 1000 packets (64.0 kB); dropped vlan 3 packets (180 B), unicast 1 packet (1.5 kB)\n"
            "  macvlan1  bridge  unfiltered\n"
            "  macvlan2  vepa  no guard  any address  vlans none\n"
            "  early drop: dropped vlan 12 packets (720 B)\n"
            "  pinned at /sys/fs/bpf/rxfilter/veth0\n"
            "  ! macvlan2 has no guard: run rxfilter-loader attach veth0\n");
}

TEST(RenderText, ShadowAndWhatIsToBeConfirmed) {
  using mirror::AttachMode;
  using mirror::Undo;
  LowerdevStatus status{.device = "veth0", .reason = "veth", .pin_directory = "/p", .shadow = true};
  const auto lines = [&](std::uint64_t seconds, Undo undo, AttachMode mode) {
    status.confirm = {.seconds_left = seconds, .undo = undo, .mode = mode};
    return arming_text(status);
  };
  EXPECT_EQ(arming_text(status), "  shadow: counted, not dropped\n");
  EXPECT_TRUE(status_text(status).starts_with("veth0: veth -> early drop: none\n  shadow: counted, not dropped\n"));
  status.shadow = false;
  EXPECT_EQ(lines(58, Undo::detach, AttachMode::auto_), "  unconfirmed: 58 s left, then detached\n");
  EXPECT_EQ(lines(1, Undo::shadow, AttachMode::native),
            "  unconfirmed: 1 s left, then in shadow as before, --mode native\n");
  EXPECT_EQ(lines(1, Undo::enforce, AttachMode::tc), "  unconfirmed: 1 s left, then in force as before, --mode tc\n");
  EXPECT_EQ(lines(0, Undo::enforce, AttachMode::tc), "") << "that is a problem";
}

TEST(RenderJson, ShadowAndWhatIsToBeConfirmed) {
  const Json object =
      to_json(LowerdevStatus{.device = "veth0",
                             .shadow = true,
                             .confirm = mirror::Unconfirmed{.seconds_left = 7, .undo = mirror::Undo::detach}});
  EXPECT_EQ(object["shadow"].dump(), "true");
  EXPECT_EQ(object["confirm"].dump(), R"({"seconds_left":7,"undo":"detach"})");
}

TEST(RenderText, NamesCannotForgeLinesOrColours) {
  LowerdevStatus forged{.device = "veth0"};
  forged.uppers.push_back({.name = "a\x1b[2Jb", .filter = {}});
  forged.problems = {"one\ntwo"};
  const std::string text = status_text(forged);
  EXPECT_NE(text.find("a?[2Jb"), std::string::npos) << text;
  EXPECT_NE(text.find("! one?two\n"), std::string::npos) << text;
}

TEST(RenderText, Filter) {
  EXPECT_EQ(filter_text("macvtap0", {}), "macvtap0: unfiltered\n");
  EXPECT_EQ(filter_text("macvtap0", filter()),
            "macvtap0: flags broadcast,multicast  vlans 42,100-109\n"
            "  unicast 02:aa:bb:cc:dd:01\n"
            "  multicast 33:33:00:00:00:fb\n");
  EXPECT_EQ(filter_text("macvtap0", {.addresses = AddressFilter{}}), "macvtap0: flags none  any VLAN\n");
  EXPECT_EQ(filter_text("macvtap0", {.vlans = VlanSet{}}), "macvtap0: any address  vlans none\n");
}

TEST(RenderJson, Status) {
  const Json expected = Json::parse(R"({
    "device": "veth0", "ifindex": 4, "early_drop": "xdp-native", "reason": "veth, no unicast filter",
    "dispatcher": true, "shadow": false, "confirm": null, "pinned": "/sys/fs/bpf/rxfilter/veth0",
    "uppers": [
      {"name": "macvtap0", "ifindex": 9, "mode": "passthru", "filtered": true, "guard": true,
       "unicast": 1, "multicast": 1, "vlans": "42,100-109", "flags": ["broadcast", "multicast"]},
      {"name": "macvlan1", "ifindex": 10, "mode": "bridge", "filtered": false, "guard": false,
       "unicast": null, "multicast": null, "vlans": null, "flags": null},
      {"name": "macvlan2", "ifindex": 11, "mode": "vepa", "filtered": true, "guard": false,
       "unicast": null, "multicast": null, "vlans": "none", "flags": null}],
    "counters": {
      "early": {"dropped": {"vlan": {"packets": 12, "bytes": 720}, "unicast": {"packets": 0, "bytes": 0},
                            "multicast": {"packets": 0, "bytes": 0}, "broadcast": {"packets": 0, "bytes": 0}}},
      "guard": {"macvtap0": {"admitted": {"packets": 1000, "bytes": 64000},
                             "dropped": {"vlan": {"packets": 3, "bytes": 180}, "unicast": {"packets": 1, "bytes": 1514},
                                         "multicast": {"packets": 0, "bytes": 0},
                                         "broadcast": {"packets": 0, "bytes": 0}}}}},
    "problems": ["macvlan2 has no guard: run rxfilter-loader attach veth0"]})");
  EXPECT_EQ(to_json(status()).dump(1), expected.dump(1));
}

TEST(RenderJson, EmptyListsStayLists) {
  const Json object = to_json(LowerdevStatus{.device = "veth0"});
  EXPECT_EQ(object["uppers"].dump(), "[]");
  EXPECT_EQ(object["problems"].dump(), "[]");
  EXPECT_EQ(object["counters"]["guard"].dump(), "{}");
}

TEST(Text, BytesHaveUnits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1000), "1.0 kB");
  EXPECT_EQ(bytes_text(999949), "999.9 kB");
  EXPECT_EQ(bytes_text(999950), "1.0 MB");
  EXPECT_EQ(bytes_text(18446744073709551615U), "18.4 EB");
}

TEST(Text, DeviceNamesAreNoPaths) {
  for (const char* good : {"eth0", "a", "...", "-x", "eth0.100", "br:0"}) EXPECT_TRUE(check_device_name(good)) << good;
  for (const char* bad : {"", ".", "..", "a/b", "/", "a b", "a\nb", "a\tb"})
    EXPECT_FALSE(check_device_name(bad)) << bad;
  EXPECT_FALSE(check_device_name(std::string(128, 'a')));
}

}  // namespace
}  // namespace rxf::cli
