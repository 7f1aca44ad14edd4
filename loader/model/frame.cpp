// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/frame.h"

#include <linux/if_ether.h>

namespace rxf {
namespace {

// TCI and the inner EtherType: the programs read a tag only where both are there.
constexpr std::size_t kTagBytes = 4;

std::uint16_t big_endian_16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::optional<VlanTag> tag_in(std::span<const std::uint8_t> bytes) {
  const std::uint16_t ether_type = big_endian_16(bytes, 2 * ETH_ALEN);
  if (ether_type != kTpidCustomer && ether_type != kTpidService) return std::nullopt;
  if (bytes.size() < ETH_HLEN + kTagBytes) return std::nullopt;
  return VlanTag{.tpid = ether_type, .tci = big_endian_16(bytes, ETH_HLEN)};
}

}  // namespace

std::optional<std::uint16_t> Frame::vlan() const {
  if (!outer_tag || outer_tag->tpid != kTpidCustomer || outer_tag->vid() == 0) return std::nullopt;
  return outer_tag->vid();
}

Result<Frame> parse_frame(std::span<const std::uint8_t> bytes, std::optional<VlanTag> metadata) {
  if (bytes.size() < ETH_HLEN)
    return usage_error("frame of " + std::to_string(bytes.size()) +
                       " bytes is too short: an Ethernet header has 14, destination address first");
  return Frame{.destination = MacAddress::from_bytes(bytes.first(ETH_ALEN)),
               .outer_tag = metadata ? metadata : tag_in(bytes)};
}

}  // namespace rxf
