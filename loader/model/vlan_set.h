// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "loader/model/result.h"

namespace rxf {

// A set of VIDs, each in 1..4094 (IEEE 802.1Q-2018, table 9-2). May be empty.
class VlanSet {
 public:
  static constexpr std::uint16_t kFirst = 1;
  static constexpr std::uint16_t kLast = 4094;
  static constexpr std::size_t kBitmapBytes = 512;

  bool operator==(const VlanSet&) const = default;

  // "42,100-109": VIDs and ascending ranges. "none" is the empty set. Usage error for an empty text or
  // item, VIDs outside 1..4094, reversed ranges, anything else; it quotes the item.
  static Result<VlanSet> parse(std::string_view text);

  // IFLA_VLAN_BITMAP: bit v % 8 of byte v / 8 is VID v. Usage error (code EINVAL) if bit 0 or 4095 is set,
  // (code ERANGE) if it is not kBitmapBytes long.
  static Result<VlanSet> from_bitmap(std::span<const std::uint8_t> bitmap);
  [[nodiscard]] std::array<std::uint8_t, kBitmapBytes> bitmap() const;

  // Word w, bit b is VID 64 * w + b: rxf_slot.vlan.
  [[nodiscard]] std::array<std::uint64_t, 64> words() const;
  static VlanSet from_words(std::span<const std::uint64_t, 64> words);  // bits 0 and 4095 are ignored

  // `vid` in 1..4094, else assert.
  void insert(std::uint16_t vid);
  void erase(std::uint16_t vid);
  [[nodiscard]] bool contains(std::uint16_t vid) const { return vid < 4096 && vids_[vid]; }
  [[nodiscard]] std::size_t size() const { return vids_.count(); }
  [[nodiscard]] bool empty() const { return vids_.none(); }

  VlanSet& operator|=(const VlanSet& other);
  VlanSet& operator-=(const VlanSet& other);

 private:
  std::bitset<4096> vids_;
};

// "42,100-109" (two adjacent VIDs print as a range), "none" for the empty set.
[[nodiscard]] std::string to_string(const VlanSet& vlans);

}  // namespace rxf
