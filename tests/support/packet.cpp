// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/packet.h"

#include <algorithm>
#include <sstream>

namespace rxf::test {
namespace {

constexpr std::uint32_t kMagic = 0x52584631;  // "RXF1"
constexpr std::size_t kMarkerSize = 4 + 4 + 8;

// Takes what it reads off the front.
class Cursor {
 public:
  explicit Cursor(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  [[nodiscard]] std::span<const std::uint8_t> rest() const { return rest_; }
  [[nodiscard]] bool has(std::size_t size) const { return rest_.size() >= size; }
  std::span<const std::uint8_t> take(std::size_t size) {
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  std::uint16_t take_u16() { return static_cast<std::uint16_t>(read_be(take(2))); }

 private:
  std::span<const std::uint8_t> rest_;
};

bool is_tpid(std::uint16_t ether_type) { return ether_type == kTpidCustomer || ether_type == kTpidService; }

}  // namespace

void append_be(Bytes& bytes, std::uint64_t value, std::size_t size) {
  for (std::size_t i = size; i-- > 0;) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint64_t read_be(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

Bytes to_bytes(const Packet& packet) {
  Bytes bytes;
  bytes.insert(bytes.end(), packet.destination.bytes.begin(), packet.destination.bytes.end());
  bytes.insert(bytes.end(), packet.source.bytes.begin(), packet.source.bytes.end());
  for (const VlanTag& tag : packet.tags) {
    append_be(bytes, tag.tpid, 2);
    append_be(bytes, tag.tci, 2);
  }
  append_be(bytes, packet.ether_type, 2);
  bytes.insert(bytes.end(), packet.payload.begin(), packet.payload.end());
  bytes.resize(std::max(bytes.size(), kMinimumFrame));
  return bytes;
}

std::optional<Packet> parse_packet(std::span<const std::uint8_t> bytes) {
  Cursor cursor(bytes);
  if (!cursor.has(14)) return std::nullopt;

  Packet packet;
  std::ranges::copy(cursor.take(6), packet.destination.bytes.begin());
  std::ranges::copy(cursor.take(6), packet.source.bytes.begin());
  packet.ether_type = cursor.take_u16();
  while (is_tpid(packet.ether_type)) {
    if (!cursor.has(4)) return std::nullopt;
    packet.tags.push_back({.tpid = packet.ether_type, .tci = cursor.take_u16()});
    packet.ether_type = cursor.take_u16();
  }
  packet.payload.assign(cursor.rest().begin(), cursor.rest().end());
  return packet;
}

std::string to_string(const Packet& packet) {
  std::ostringstream text;
  text << rxf::to_string(packet.destination) << " < " << rxf::to_string(packet.source);
  for (const VlanTag& tag : packet.tags) {
    text << (tag.tpid == kTpidService ? ", 802.1ad " : ", 802.1Q ") << tag.vid();
    if (tag.tci != tag.vid()) text << " (TCI 0x" << std::hex << tag.tci << std::dec << ")";
  }
  text << ", 0x" << std::hex << packet.ether_type << std::dec << ", " << packet.payload.size() << " bytes";
  return text.str();
}

Bytes to_payload(const Marker& marker) {
  Bytes bytes;
  append_be(bytes, kMagic, 4);
  append_be(bytes, marker.kind, 4);
  append_be(bytes, marker.sequence, 8);
  return bytes;
}

std::optional<Marker> find_marker(std::span<const std::uint8_t> frame) {
  const std::optional<Packet> packet = parse_packet(frame);
  if (!packet || packet->payload.size() < kMarkerSize) return std::nullopt;
  Cursor cursor(packet->payload);
  if (read_be(cursor.take(4)) != kMagic) return std::nullopt;
  Marker marker;
  marker.kind = static_cast<std::uint32_t>(read_be(cursor.take(4)));
  marker.sequence = read_be(cursor.take(8));
  return marker;
}

}  // namespace rxf::test
