// SPDX-License-Identifier: GPL-2.0-only
// What the tests here have in common: a macvtap called `upper`, one filter set, and frames that it wants or does not.
#pragma once

#include <string>
#include <vector>

#include "tests/support/probe_frames.h"

namespace rxf::test {

inline constexpr const char* kLowerAddress = "02:aa:00:00:00:01";
inline constexpr const char* kSetUpper =
    "set upper --unicast 02:bb:00:00:00:01 --multicast 01:00:5e:01:02:03 --flags broadcast,multicast --vlan 42";
inline constexpr std::uint16_t kWantedVlan = 42;
inline constexpr std::uint16_t kUnwantedVlan = 43;
inline constexpr MacAddress kListed = {{0x02, 0xbb, 0, 0, 0, 1}};
inline constexpr MacAddress kStranger = {{0x02, 0xcc, 0, 0, 0, 1}};

[[nodiscard]] const std::vector<Probe>& wanted_probes();
[[nodiscard]] const std::vector<Probe>& unwanted_probes();
// Both, the wanted ones first.
[[nodiscard]] const std::vector<Probe>& upper_probes();
// Of upper_probes(): what kSetUpper lets through.
[[nodiscard]] const Arrivals& wanted_arrivals();

// In a fresh network namespace: nothing but the tests sends there.
void silence_ipv6();

// Makes `upper` on `lower`, which has kLowerAddress, and waits until both can receive. Throws std::runtime_error.
void add_upper();

// Waits for their operational state, which follows on a work queue. Throws std::runtime_error with it.
void wait_until_up(const std::vector<std::string>& devices);

// host_state() without what changes by itself: a bridge's clocks, and operational states.
[[nodiscard]] std::string lasting_state(const std::string& bpffs);

// For `ip link set DEV netns ...` and `ip link add ... netns ...`.
[[nodiscard]] std::string netns_path(int fd);

}  // namespace rxf::test
