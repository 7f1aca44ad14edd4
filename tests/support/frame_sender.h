// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "loader/model/frame.h"
#include "loader/util/fd.h"

namespace rxf::test {

// Transmits whole Ethernet frames on one device of the calling thread's network namespace (packet(7), SOCK_RAW), and
// stays with that device when the thread moves on. What it sends passes tc egress. It receives nothing.
class FrameSender {
 public:
  // Throws std::system_error without CAP_NET_RAW and CAP_NET_ADMIN or such a device.
  explicit FrameSender(std::uint32_t ifindex);

  // `metadata` asks the device's MetadataTagger to put this tag beside the bytes; without a tagger it does nothing.
  // Returns when the frame has been handed to the device: over veth, to the peer's receive queue. Throws
  // std::system_error with the kernel's error; ENOBUFS is a drop by the queue, a tc egress program or the device.
  void send(std::span<const std::uint8_t> frame, std::optional<VlanTag> metadata = std::nullopt);

  // The same, but such a drop (ENOBUFS) is false instead.
  bool try_send(std::span<const std::uint8_t> frame, std::optional<VlanTag> metadata = std::nullopt);

 private:
  void set_mark(std::uint32_t mark);

  Fd socket_;
  std::uint32_t mark_ = 0;
};

}  // namespace rxf::test
