// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "loader/util/fd.h"
#include "tests/support/packet.h"

namespace rxf::test {

struct Heard {
  Marker marker;
  unsigned char type = 0;     // PACKET_HOST and so on, of <linux/if_packet.h>
  std::uint32_t ifindex = 0;  // where it arrived
};

// What a program beside the uppers receives on one device of the calling thread's network namespace (packet(7)), and
// stays with that device when the thread moves on. Only marked frames count, and none that the device sends.
class PacketListener {
 public:
  // kAnyProtocol sees frames before tc does, as tcpdump; one protocol alone behind tc and macvlan, as the host's stack.
  static constexpr std::uint16_t kAnyProtocol = 0x0003;  // ETH_P_ALL
  // Device 0: every device of the namespace. Throws std::system_error.
  explicit PacketListener(std::uint32_t ifindex, std::uint16_t protocol = kEtherTypeExperimental);

  // Asks the device for more, as long as this lives: PACKET_MR_PROMISC, PACKET_MR_ALLMULTI.
  void ask_for(std::uint16_t membership);
  // One multicast or further unicast address: PACKET_MR_MULTICAST, PACKET_MR_UNICAST.
  void ask_for(std::uint16_t membership, const MacAddress& address);

  // The next frame; nullopt where none came in `timeout_ms`. 0 only takes what is queued.
  std::optional<Heard> hear(int timeout_ms);

  [[nodiscard]] int fd() const { return socket_.get(); }  // for poll(2)

 private:
  std::uint32_t ifindex_;
  Fd socket_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace rxf::test
