// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/model/frame.h"
#include "loader/model/verdict.h"

namespace rxf::mirror {

// A frame that a hook did not let through, or in shadow would not have.
struct DroppedFrame {
  std::string device;                // the lower device
  std::optional<std::string> upper;  // whose guard it was; absent: the early drop
  Verdict reason = Verdict::unicast;
  bool enforced = true;               // false: only counted, the frame went on
  std::uint64_t time = 0;             // boot_now()
  std::uint32_t packets = 1;          // more where the kernel had put several into one
  std::uint32_t length = 0;           // bytes from the destination address on, without `metadata`
  std::optional<VlanTag> metadata;    // the tag that was not in `bytes`
  std::vector<std::uint8_t> bytes{};  // how the frame begins: RXF_DROP_FRAME_SIZE at most

  bool operator==(const DroppedFrame&) const = default;
};

}  // namespace rxf::mirror
