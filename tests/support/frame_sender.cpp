// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/frame_sender.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "tests/support/metadata_mark.h"
#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

// Over veth a frame counts against its sender until it is read: with the usual buffer some 270 unread frames in a
// macvtap would block the sender, for ever if it is also the reader.
constexpr int kSendBuffer = 256 << 20;

std::uint32_t mark_for(const std::optional<VlanTag>& metadata) {
  if (!metadata) return 0;
  return RXF_MARK_PUSH | (metadata->tpid == kTpidService ? RXF_MARK_SERVICE : 0) | metadata->tci;
}

}  // namespace

// Protocol 0: no frame is ever queued for this socket.
FrameSender::FrameSender(std::uint32_t ifindex)
    : socket_(checked_fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket")) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(ifindex);
  checked(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
          "bind a packet socket to device " + std::to_string(ifindex));
  checked(setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer), "SO_SNDBUFFORCE");
}

void FrameSender::send(std::span<const std::uint8_t> frame, std::optional<VlanTag> metadata) {
  if (!try_send(frame, metadata)) throw std::system_error(ENOBUFS, std::generic_category(), "send frame");
}

bool FrameSender::try_send(std::span<const std::uint8_t> frame, std::optional<VlanTag> metadata) {
  set_mark(mark_for(metadata));
  if (::send(socket_.get(), frame.data(), frame.size(), 0) < 0) {
    if (errno == ENOBUFS) return false;
    throw std::system_error(errno, std::generic_category(), "send frame");
  }
  return true;
}

void FrameSender::set_mark(std::uint32_t mark) {
  if (mark == mark_) return;
  checked(setsockopt(socket_.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark), "SO_MARK");
  mark_ = mark;
}

}  // namespace rxf::test
