// SPDX-License-Identifier: GPL-2.0-only
#pragma once

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

// As much of a received frame as decides about it.
struct Frame {
  MacAddress destination;
  std::optional<VlanTag> outer_tag;  // outermost, wherever it is: in the frame or stripped into metadata

  bool operator==(const Frame&) const = default;

  // The VLAN that counts: the VID of an outermost C-tag; none for VID 0, an S-tag, or no tag (semantics: "Verdict").
  [[nodiscard]] std::optional<std::uint16_t> vlan() const;
};

// Reads a frame from its first byte, destination address first. `metadata` is a tag that the driver stripped: it is
// then the outermost one, whatever the bytes say. Fewer than 14 bytes: error. A tag cut short counts as none.
Result<Frame> parse_frame(std::span<const std::uint8_t> bytes, std::optional<VlanTag> metadata = std::nullopt);

}  // namespace rxf
