// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loader/model/frame.h"
#include "loader/model/mac_address.h"

namespace rxf::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint16_t kEtherTypeExperimental = 0x88b5;  // IEEE 802-2014, table 8-4: for local experiments
inline constexpr std::size_t kMinimumFrame = 60;                 // without the checksum

// An Ethernet frame by layer. `tags` are those in the bytes, outermost first.
struct Packet {
  MacAddress destination;
  MacAddress source = {{0x02, 0, 0, 0, 0, 0x5e}};
  std::vector<VlanTag> tags;
  std::uint16_t ether_type = kEtherTypeExperimental;
  Bytes payload;

  bool operator==(const Packet&) const = default;
};

// Zeros fill it up to kMinimumFrame.
[[nodiscard]] Bytes to_bytes(const Packet& packet);

// The inverse, but the payload has the padding. nullopt where the bytes end before the payload begins.
[[nodiscard]] std::optional<Packet> parse_packet(std::span<const std::uint8_t> bytes);

// "02:00:00:00:00:01 < 02:00:00:00:00:02, 802.1Q 42, 0x88b5, 46 bytes", for failure messages.
[[nodiscard]] std::string to_string(const Packet& packet);

// A payload that a receiver recognises among what the kernel sends by itself.
struct Marker {
  std::uint32_t kind = 0;      // what the test calls this sort of frame
  std::uint64_t sequence = 0;  // tells a duplicate from another frame

  auto operator<=>(const Marker&) const = default;
};

[[nodiscard]] Bytes to_payload(const Marker& marker);

// Behind whatever tags the frame has. nullopt for frames that no test sent.
[[nodiscard]] std::optional<Marker> find_marker(std::span<const std::uint8_t> frame);

// Wire order: the low `size` bytes of `value`, and a number of bytes.size() <= 8 bytes.
void append_be(Bytes& bytes, std::uint64_t value, std::size_t size);
[[nodiscard]] std::uint64_t read_be(std::span<const std::uint8_t> bytes);

}  // namespace rxf::test
