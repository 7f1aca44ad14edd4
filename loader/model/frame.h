// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "loader/model/mac_address.h"
#include "loader/model/result.h"

namespace rxf {

inline constexpr std::uint16_t kTpidCustomer = 0x8100;  // 802.1Q C-tag
inline constexpr std::uint16_t kTpidService = 0x88a8;   // 802.1ad S-tag

struct VlanTag {
  std::uint16_t tpid = kTpidCustomer;
  std::uint16_t tci = 0;  // PCP, DEI, VID; host order

  bool operator==(const VlanTag&) const = default;
  [[nodiscard]] std::uint16_t vid() const { return tci & 0x0fff; }
};

// Tags of a frame that are looked at (RXF_MAX_TAGS): priority tags, and the one behind them.
inline constexpr std::size_t kTagsInReach = 8;

// As much of a received frame as decides about it.
struct Frame {
  MacAddress destination;
  std::optional<VlanTag> tag;      // the first whose VID is not 0, in the frame or stripped into metadata
  bool tags_out_of_reach = false;  // there are more priority tags than are looked at, or one is cut short

  bool operator==(const Frame&) const = default;

  // The VLAN that counts: the VID of `tag` if it is a C-tag; none for an S-tag, or no tag (semantics: "Verdict").
  [[nodiscard]] std::optional<std::uint16_t> vlan() const;
};

// A frame with these tags, outermost first, none of them cut short. A receiver takes off a tag with VID 0 and goes on
// to the next.
[[nodiscard]] Frame frame_with(const MacAddress& destination, std::span<const VlanTag> tags);

// Reads a frame from its first byte, destination address first. `metadata` is a tag that the driver stripped: it is
// then the outermost one, whatever the bytes say. Fewer than 14 bytes: error.
Result<Frame> parse_frame(std::span<const std::uint8_t> bytes, std::optional<VlanTag> metadata = std::nullopt);

}  // namespace rxf
