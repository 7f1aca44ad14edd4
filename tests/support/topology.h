// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/packet.h"
#include "tests/support/scratch_namespace.h"

namespace rxf::test {

enum class Uppers { none, passthru, bridge };

// far ==veth== lower <-- the uppers, all up, in a network namespace of its own where nothing is sent or joined unasked:
// IPv6 is off.
//   passthru: macvtap `upper`, with kUpperAddress, which is the lower device's too
//   bridge:   macvtaps `upper`, with kUpperAddress, and `sibling`
class Topology {
 public:
  static constexpr MacAddress kUpperAddress = {{0x02, 0xaa, 0, 0, 0, 1}};

  // Throws std::runtime_error with what ip(8) said.
  explicit Topology(Uppers uppers);

 private:
  ScratchNamespace namespace_;
};

// In the calling thread's namespace. Throws std::system_error where there is none with that name.
std::uint32_t ifindex_of(const std::string& name);

// Sends `count` frames from `far` to `destination`, with that tag in the bytes unless it is 0.
void send_frames(const MacAddress& destination, std::uint16_t vid, int count);

}  // namespace rxf::test
