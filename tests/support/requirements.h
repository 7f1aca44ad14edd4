// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace rxf::test {

// Why tests with macvtaps in scratch namespaces cannot run here, in one sentence; empty where they can:
//
//   if (const std::string why = why_no_netns_tests(); !why.empty()) GTEST_SKIP() << why;
//
// It tries it out once, with a veth pair, a macvtap and a mount, so that its answer is the machine's own.
const std::string& why_no_netns_tests();

// The same for loading a BPF program.
const std::string& why_no_bpf_tests();

}  // namespace rxf::test
