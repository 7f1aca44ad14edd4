// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/datapath/tc_filter.h"
#include "loader/model/result.h"
#include "loader/netlink/socket.h"

// Who sees a frame before a program of ours does, on the same hook. What they do is not known; where one of them ends a
// frame's way through the hook (TC_ACT_OK, a drop, a redirect) ours is not asked.
namespace rxf::mirror {

struct Lowerdev;

struct InFront {
  enum class Kind { tc, tcx, xdp };

  Kind kind = Kind::tc;
  std::string device;
  bool egress = false;
  std::uint32_t priority = 0;    // of a tc filter: "pref"
  std::string classifier;        // of a tc filter: "bpf", "u32"
  std::uint32_t program_id = 0;  // 0: no BPF program
  std::string program;

  bool operator==(const InFront&) const = default;
};

// "tc filter pref 1 (bpf, cil_from_netdev, program id 12)", "tcx program cil_from_netdev (id 12)"
[[nodiscard]] std::string to_string(const InFront& foreigner);

// Where a program of ours is.
struct OurPlace {
  std::string device;
  std::uint32_t ifindex = 0;
  std::optional<datapath::TcHook> hook;  // absent: XDP
  std::uint32_t program_id = 0;
  std::uint32_t priority = 0;  // at tc
};

// Those before it, in their order. None where ours is not there any more.
Result<std::vector<InFront>> in_front_of(netlink::Socket& socket, const OurPlace& ours);

// Sentences for `status` about all programs of ours on an attached device and its uppers, with the next step.
Result<std::vector<std::string>> in_front_problems(Lowerdev& device);

}  // namespace rxf::mirror
