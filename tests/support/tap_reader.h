// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/util/fd.h"

namespace rxf::test {

// The character device of a macvtap of the calling thread's namespace, as it is at first: each frame behind a
// virtio_net_hdr. It is opened by its own device number, not as /dev/tapIFINDEX, which may be missing or another
// namespace's. Needs CAP_SYS_ADMIN; throws std::system_error.
Fd open_tap(const std::string& name);

// The guest's end of a macvtap: its character device, without virtio-net headers. What it reads is what a virtual
// machine would get: a VLAN tag that was in metadata is in the bytes again.
//
// The kernel queues tx_queue_len frames (500 by default) and drops what comes after them without a word to the sender
// (the upper's rx_dropped counts them): read while another thread sends, send less between reads, or give the macvtap a
// longer queue (`ip link set NAME txqueuelen N`) before it is opened. Frames that came before it was opened are lost.
class TapReader {
 public:
  // Throws as open_tap().
  explicit TapReader(const std::string& name);

  // The next frame; nullopt where none came in `timeout_ms`. 0 only takes what is queued.
  std::optional<std::vector<std::uint8_t>> read_frame(int timeout_ms);

  // All frames until none comes for `quiet_ms`.
  std::vector<std::vector<std::uint8_t>> drain(int quiet_ms);

  // For poll(2) and for sending as the guest does, by write(2) of whole frames.
  [[nodiscard]] int fd() const { return tap_.get(); }

 private:
  Fd tap_;
  std::vector<std::uint8_t> buffer_;  // of the largest frame
};

}  // namespace rxf::test
