// SPDX-License-Identifier: GPL-2.0-only
// What follows from what was found out about a device; NICs that no test machine has.
#include "loader/mirror/probe.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace rxf::mirror {
namespace {

ProbeReport report() {
  ProbeReport report{.device = "eth2", .attached = false};
  report.xdp = netlink::XdpFeatures{.basic = true};
  return report;
}

DeviceTraits nic(const std::string& driver) { return {.name = "eth2", .driver = driver}; }

AttachForecast forecast_of(ProbeReport facts, const DeviceTraits& traits) {
  conclude(facts, traits);
  EXPECT_TRUE(facts.attach) << facts.attach.error().text;
  return facts.attach.value_or(AttachForecast{});
}

std::string refusal_of(ProbeReport facts, const Result<DeviceTraits>& traits) {
  conclude(facts, traits);
  return facts.attach ? "none" : facts.attach.error().text;
}

TEST(ProbeConclusion, ANicGetsNativeXdp) {
  const AttachForecast attach = forecast_of(report(), nic("mlx5_core"));
  EXPECT_EQ(attach.early, EarlyHook::xdp_native);
  EXPECT_EQ(attach.reason, "mlx5_core");
  EXPECT_EQ(attach.dispatcher, true);
  EXPECT_TRUE(attach.judges_vlan);
}

TEST(ProbeConclusion, WithoutADispatcherItIsAlone) {
  ProbeReport facts = report();
  facts.dispatcher = system_error(EPERM, "test");
  EXPECT_EQ(forecast_of(facts, nic("mlx5_core")).dispatcher, false);
}

TEST(ProbeConclusion, StrippedTagsAreOutOfSightAtXdpOnly) {
  DeviceTraits stripping = nic("mlx5_core");
  stripping.features = {"rx-vlan-hw-parse"};
  EXPECT_FALSE(forecast_of(report(), stripping).judges_vlan);
  stripping.features.insert("rx-lro");
  const AttachForecast attach = forecast_of(report(), stripping);
  EXPECT_EQ(attach.early, EarlyHook::tc);
  EXPECT_TRUE(attach.judges_vlan);
  EXPECT_FALSE(attach.dispatcher.has_value());
}

TEST(ProbeConclusion, ADriverWithoutNativeXdpGetsTc) {
  ProbeReport facts = report();
  facts.xdp = netlink::XdpFeatures{};
  DeviceTraits stripping = nic("e1000e");
  stripping.features = {"rx-vlan-hw-parse"};
  const AttachForecast attach = forecast_of(facts, stripping);
  EXPECT_EQ(attach.early, EarlyHook::tc);
  EXPECT_EQ(attach.reason, "e1000e offers no native XDP");
  EXPECT_TRUE(attach.judges_vlan);
}

// Before Linux 6.3: `attach` tries, and falls back.
TEST(ProbeConclusion, WhereDriversDoNotTellNativeXdpIsTried) {
  ProbeReport facts = report();
  facts.xdp = system_error(ENOTSUP, "test");
  EXPECT_EQ(forecast_of(facts, nic("e1000e")).early, EarlyHook::xdp_native);
}

TEST(ProbeConclusion, CostsOfNativeXdp) {
  ProbeReport facts = report();
  conclude(facts, nic("mlx5_core"));
  EXPECT_EQ(facts.lost_offload, "");
  EXPECT_FALSE(facts.restarts_for_xdp);
  EXPECT_FALSE(facts.xdp_mtu.has_value());

  conclude(facts, nic("virtio_net"));
  EXPECT_EQ(facts.lost_offload, "GSO");

  for (const char* driver : {"ixgbe", "ixgbevf", "igb", "igc", "i40e", "ice"}) {
    ProbeReport restarting = report();
    conclude(restarting, nic(driver));
    EXPECT_TRUE(restarting.restarts_for_xdp) << driver;
    EXPECT_EQ(restarting.xdp_mtu.has_value(), std::string(driver) == "igc") << driver;
  }
}

TEST(ProbeConclusion, AForeignProgramAloneOnTheHookIsARefusal) {
  ProbeReport facts = report();
  facts.programs = datapath::XdpState{.mode = datapath::XdpMode::native, .programs = {{.id = 7, .name = "theirs"}}};
  EXPECT_TRUE(refusal_of(facts, nic("mlx5_core")).starts_with("eth2: XDP program theirs (id 7) is on the device"));
  EXPECT_EQ(refusal_of(facts, nic("veth")), "none") << "it is at tc there";
  facts.programs->dispatcher = true;
  EXPECT_EQ(refusal_of(facts, nic("mlx5_core")), "none");
  // Attached, it may be ours.
  facts.programs->dispatcher = false;
  facts.attached = true;
  EXPECT_EQ(refusal_of(facts, nic("mlx5_core")), "none");
}

TEST(ProbeConclusion, WhatIsUnknownOrImpossibleIsARefusal) {
  ProbeReport facts = report();
  EXPECT_EQ(refusal_of(facts, system_error(EIO, "traits")), "traits: Input/output error");
  EXPECT_EQ(facts.lost_offload, "");
  facts.attached = system_error(EIO, "pins");
  EXPECT_EQ(refusal_of(facts, nic("mlx5_core")), "pins: Input/output error");
  facts.lower = usage_error("eth2 is no Ethernet device");
  EXPECT_EQ(refusal_of(facts, nic("mlx5_core")), "eth2 is no Ethernet device");
}

}  // namespace
}  // namespace rxf::mirror
