// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tests/support/packet_listener.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {

// Everybody who receives on a host, and how often each of them got which marked frame.
class HostEars {
 public:
  // In the calling thread's namespace, which has `nic`.
  HostEars();

  // The guest's end of a macvtap of the calling thread's namespace; one before it goes.
  void open_tap(const std::string& name);
  // A device of nic's namespace, whose frames one socket for all hears: none is asked for on its behalf.
  void add_device(const std::string& name, const std::string& receiver);
  void open_tcpdump();
  void remove(const std::string& receiver);

  // Takes what has come.
  void collect();
  // Until something comes, or for that long.
  void wait(int timeout_ms);

  [[nodiscard]] unsigned heard(const std::string& receiver, const Marker& marker) const;
  // What was sent before frames of that kind.
  void forget_before(std::uint32_t kind);

 private:
  void note(const std::string& receiver, const Marker& marker) { ++heard_[receiver][marker]; }

  PacketListener host_;
  std::optional<PacketListener> tcpdump_;
  std::map<std::string, TapReader> taps_;
  std::map<std::uint32_t, std::string> devices_;  // by ifindex
  std::map<std::string, std::map<Marker, unsigned>> heard_;
};

}  // namespace rxf::test
