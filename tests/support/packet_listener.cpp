// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/packet_listener.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

constexpr int kReceiveBuffer = 64 << 20;
constexpr std::size_t kLargestFrame = 65536;

}  // namespace

// Bound before it has a protocol: nothing of other devices is ever queued.
PacketListener::PacketListener(std::uint32_t ifindex, std::uint16_t protocol)
    : ifindex_(ifindex),
      socket_(checked_fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "packet socket")),
      buffer_(kLargestFrame) {
  checked(setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer),
          "SO_RCVBUFFORCE");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_ifindex = static_cast<int>(ifindex);
  checked(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
          "bind a packet socket to device " + std::to_string(ifindex));
}

void PacketListener::ask_for(std::uint16_t membership) { ask_for(membership, {}); }

void PacketListener::ask_for(std::uint16_t membership, const MacAddress& address) {
  packet_mreq request{};
  request.mr_ifindex = static_cast<int>(ifindex_);
  request.mr_type = membership;
  request.mr_alen = static_cast<std::uint16_t>(address.bytes.size());
  std::ranges::copy(address.bytes, request.mr_address);
  checked(setsockopt(socket_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request),
          "PACKET_ADD_MEMBERSHIP");
}

std::optional<Heard> PacketListener::hear(int timeout_ms) {
  for (;;) {
    pollfd readable{socket_.get(), POLLIN, 0};
    if (poll(&readable, 1, timeout_ms) <= 0) return std::nullopt;
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t length =
        recvfrom(socket_.get(), buffer_.data(), buffer_.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (length < 0 && (errno == EAGAIN || errno == ENETDOWN)) continue;
    checked(static_cast<int>(length), "receive on a packet socket");
    const auto marker = find_marker(std::span(buffer_).first(static_cast<std::size_t>(length)));
    if (marker && from.sll_pkttype != PACKET_OUTGOING)
      return Heard{
          .marker = *marker, .type = from.sll_pkttype, .ifindex = static_cast<std::uint32_t>(from.sll_ifindex)};
  }
}

}  // namespace rxf::test
