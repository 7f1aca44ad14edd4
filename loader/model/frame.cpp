// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/frame.h"

#include <linux/if_ether.h>

namespace rxf {
namespace {

// TCI and the inner EtherType: a tag without them is cut short.
constexpr std::size_t kTagBytes = 4;

std::uint16_t big_endian_16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

bool is_tag(std::uint16_t ether_type) { return ether_type == kTpidCustomer || ether_type == kTpidService; }

// Returns whether a receiver goes on to the next tag.
bool take(Frame& frame, const VlanTag& tag) {
  if (tag.vid() != 0) frame.tag = tag;
  return tag.vid() == 0;
}

}  // namespace

std::optional<std::uint16_t> Frame::vlan() const {
  if (!tag || tag->tpid != kTpidCustomer) return std::nullopt;
  return tag->vid();
}

Frame frame_with(const MacAddress& destination, std::span<const VlanTag> tags) {
  Frame frame{.destination = destination};
  for (std::size_t taken = 0; taken < tags.size(); ++taken) {
    frame.tags_out_of_reach = taken == kTagsInReach;
    if (frame.tags_out_of_reach || !take(frame, tags[taken])) break;
  }
  return frame;
}

Result<Frame> parse_frame(std::span<const std::uint8_t> bytes, std::optional<VlanTag> metadata) {
  if (bytes.size() < ETH_HLEN)
    return usage_error("frame of " + std::to_string(bytes.size()) +
                       " bytes is too short: an Ethernet header has 14, destination address first");
  Frame frame{.destination = MacAddress::from_bytes(bytes.first(ETH_ALEN))};
  bool goes_on = !metadata || take(frame, *metadata);
  std::size_t taken = metadata ? 1 : 0;
  for (std::size_t at = 2 * ETH_ALEN; goes_on && is_tag(big_endian_16(bytes, at)); at += kTagBytes, ++taken) {
    frame.tags_out_of_reach = taken == kTagsInReach || bytes.size() < at + 2 + kTagBytes;
    if (frame.tags_out_of_reach) break;
    goes_on = take(frame, {.tpid = big_endian_16(bytes, at), .tci = big_endian_16(bytes, at + 2)});
  }
  return frame;
}

}  // namespace rxf
