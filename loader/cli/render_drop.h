// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>

#include "loader/cli/filter_json.h"
#include "loader/mirror/dropped_frame.h"

namespace rxf::cli {

// What `drops` shows of one frame; `time` is nanoseconds since 1970, and local time in the text:
//   12:00:01.123456 eth2 early drop: vlan  02:00:00:00:00:5e > 02:aa:00:00:00:01  vlan 7  0x0800  60 bytes
//   12:00:01.123501 macvtap0 guard: unicast  02:00:00:00:00:5e > 02:cc:00:00:00:01  0x0806  60 bytes
[[nodiscard]] std::string drop_text(const mirror::DroppedFrame& frame, std::uint64_t time);

// The record behind it. "upper" is null at the early drop, "vlan" where the frame counts as untagged; "tags" has all of
// them, outermost first; "bytes" is how the frame begins, in hexadecimal, without a tag that was in metadata.
[[nodiscard]] Json to_json(const mirror::DroppedFrame& frame, std::uint64_t time);

}  // namespace rxf::cli
