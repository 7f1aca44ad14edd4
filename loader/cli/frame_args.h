// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/mirror/explain.h"

namespace rxf::cli {

// The frame options of `explain` as they were typed; absent where not given.
struct FrameArguments {
  std::optional<std::string> destination;    // MAC
  std::optional<std::string> vlan;           // 0 to 4094: an 802.1Q tag in the frame
  std::optional<std::string> metadata_vlan;  // the same, stripped by the driver
  std::optional<std::string> frame;          // hexadecimal bytes, or a capture file
};

struct ParsedFrames {
  std::vector<mirror::AskedFrame> frames;
  bool many = false;  // of a file, which may have any number
};

// Usage errors name the option.
Result<ParsedFrames> parse_frame_arguments(const FrameArguments& arguments);

// Bytes in hexadecimal, with or without blanks and colons between them; nullopt where it is anything else, such as the
// name of a file. A text without a digit, or with half a byte, is a usage error.
Result<std::optional<std::vector<std::uint8_t>>> parse_hex(std::string_view text);

// The beginning of every frame in a pcap or pcapng file. Errors, one line that begins with `path`: it cannot be read;
// it is no capture, or is damaged or cut short; its frames are not Ethernet; there is none, or more than kMostFrames.
inline constexpr std::size_t kMostFrames = 100000;
Result<std::vector<mirror::AskedFrame>> read_capture(const std::string& path);

}  // namespace rxf::cli
