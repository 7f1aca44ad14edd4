// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "tests/support/random_host_model.h"

namespace rxf::test {

// What docs/semantics.md promises each receiver on a host, told from the host alone: neither rxfilter nor the kernel is
// asked. A frame that macvlan may deliver by chance of its hash, or that the test's socket would not see, is `may`.
inline constexpr const char* kHostReceiver = "the host";
inline constexpr const char* kTcpdump = "tcpdump";

// The host, tcpdump, VLAN devices by name_of(), uppers by their names.
[[nodiscard]] std::vector<std::string> receivers(const HostModel& model);

[[nodiscard]] Due due(const HostModel& model, const std::string& receiver, const SentFrame& frame);

// Whether the upper's filter set accepts the frame, wherever macvlan takes it.
[[nodiscard]] bool is_accepted(const HostModel& model, const std::string& upper, const SentFrame& frame);

// Whether `status` has to name a problem. `why` gets the reason.
[[nodiscard]] Due problem_due(const HostModel& model, std::string& why);

}  // namespace rxf::test
