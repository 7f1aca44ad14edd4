// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loader/model/filter_set.h"
#include "loader/model/frame.h"
#include "tests/support/frame_sender.h"
#include "tests/support/metadata_tagger.h"
#include "tests/support/packet_listener.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/tap_reader.h"

namespace rxf::test {

// A frame as it is sent.
struct WireFrame {
  MacAddress destination;
  std::vector<VlanTag> tags;        // in the bytes, outermost first
  std::optional<VlanTag> metadata;  // beside the bytes, and outside of `tags`

  // As the reference judges it.
  [[nodiscard]] Frame judged() const;
};

[[nodiscard]] std::string to_string(const WireFrame& frame);

// Who received which of a number of frames.
struct Arrivals {
  std::vector<std::vector<unsigned>> uppers;       // by upper, by frame: how often
  std::vector<std::optional<unsigned char>> host;  // by frame: sll_pkttype, where the host got it
};

// far ==veth== lower <-- u0, u1, ... and `witness`: macvtaps of one mode, all up, read through their character devices.
// Each upper has joined the groups given for it. The witness takes all multicast, so that what macvlan lets through for
// others by chance of its hash does not depend on what any of them joins later. The calling thread is in the namespace
// with `lower`; IPv6 is off.
class ManyUppers {
 public:
  struct Upper {
    AddressSet joined;
    bool elsewhere = false;  // moved to another network namespace
  };

  // Throws std::runtime_error with what ip(8) said.
  ManyUppers(const std::vector<Upper>& uppers, const std::string& mode);

  [[nodiscard]] static std::string name(std::size_t upper) { return "u" + std::to_string(upper); }
  [[nodiscard]] static MacAddress address(std::size_t upper) {
    return {{0x02, 0xaa, 0, 0, 0, static_cast<std::uint8_t>(upper)}};
  }
  static constexpr MacAddress kLowerAddress = {{0x02, 0xee, 0, 0, 0, 1}};

  [[nodiscard]] TapReader& tap(std::size_t upper) { return *taps_.at(upper); }

  // Sends them from `far`, and returns when all of them are where they go. The host is a packet socket of one protocol
  // on `lower`. Throws std::runtime_error where the witness loses a broadcast frame.
  Arrivals receive(std::span<const WireFrame> frames);

 private:
  void send(const WireFrame& frame, const Marker& marker);
  void pass_barrier(Arrivals& arrivals);
  void read_all(Arrivals& arrivals);
  bool wait_for_more();
  static void note(Arrivals& arrivals, std::size_t upper, std::span<const std::uint8_t> frame, std::uint32_t round);

  ScratchNamespace elsewhere_;
  ScratchNamespace home_;
  std::vector<std::unique_ptr<TapReader>> taps_;  // by upper, then the witness
  std::unique_ptr<MetadataTagger> tagger_;
  std::unique_ptr<FrameSender> sender_;
  std::unique_ptr<PacketListener> host_;
  std::uint32_t round_ = 0;
  std::uint64_t barriers_ = 0;
};

}  // namespace rxf::test
