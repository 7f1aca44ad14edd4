// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/frame_args.h"

#include <pcap/pcap.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>

#include "loader/cli/text.h"

namespace rxf::cli {

namespace {

constexpr std::size_t kBytesKept = 64;  // of a frame in a file; no hook looks further
constexpr std::size_t kShortestOnWire = 60;
constexpr std::size_t kLongestHex = 1 << 18;
constexpr MacAddress kSource = {{0x02, 0, 0, 0, 0, 0x01}};
constexpr std::uint16_t kExperimental = 0x88b5;  // IEEE 802-2014, table 8-4
constexpr std::uint16_t kHighestVid = 4094;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using FilePtr = std::unique_ptr<std::FILE, CloseFile>;

struct CloseCapture {
  void operator()(pcap_t* capture) const { pcap_close(capture); }
};
using CapturePtr = std::unique_ptr<pcap_t, CloseCapture>;

std::vector<std::uint8_t> smallest_frame(const MacAddress& destination, std::optional<std::uint16_t> vid) {
  std::vector<std::uint8_t> bytes(kShortestOnWire);
  auto at = std::ranges::copy(destination.bytes, bytes.begin()).out;
  at = std::ranges::copy(kSource.bytes, at).out;
  const auto put = [&](std::uint16_t value) {
    *at++ = static_cast<std::uint8_t>(value >> 8);
    *at++ = static_cast<std::uint8_t>(value);
  };
  if (vid) {
    put(kTpidCustomer);
    put(*vid);
  }
  put(kExperimental);
  return bytes;
}

Result<std::optional<std::uint16_t>> parse_vid(const std::string& option, const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::uint16_t vid = 0;
  const auto [end, status] = std::from_chars(text->data(), text->data() + text->size(), vid);
  if (status != std::errc{} || end != text->data() + text->size() || vid > kHighestVid)
    return usage_error(option + " " + quote(*text) + " is not a VLAN: give 1 to 4094, or 0 for a priority tag");
  return vid;
}

Result<mirror::AskedFrame> built_frame(const FrameArguments& arguments) {
  if (arguments.destination->size() > 64)
    return usage_error("--dst " + quote(*arguments.destination) + " is not a MAC address");
  const auto destination = MacAddress::parse(*arguments.destination);
  if (!destination) return wrap(destination.error(), "--dst");
  const auto vid = parse_vid("--vlan", arguments.vlan);
  if (!vid) return std::unexpected(vid.error());
  const auto stripped = parse_vid("--metadata-vlan", arguments.metadata_vlan);
  if (!stripped) return std::unexpected(stripped.error());
  mirror::AskedFrame frame{.bytes = smallest_frame(*destination, *vid)};
  if (*stripped) frame.metadata = VlanTag{.tpid = kTpidCustomer, .tci = **stripped};
  return frame;
}

bool is_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_separator(char c) { return c == ':' || c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::unexpected<Error> bad_capture(const std::string& path, const std::string& what) {
  return std::unexpected(Error{.text = path + ": " + printable(what)});
}

Result<CapturePtr> open_capture(const std::string& path) {
  FilePtr file(std::fopen(path.c_str(), "re"));
  if (!file) return system_error(errno, path);
  struct stat status {};
  if (::fstat(::fileno(file.get()), &status) == 0 && S_ISDIR(status.st_mode)) return system_error(EISDIR, path);
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  CapturePtr capture(pcap_fopen_offline(file.get(), why.data()));
  if (!capture) return bad_capture(path, "no capture of frames: " + std::string(why.data()));
  (void)file.release();  // pcap_close() closes it
  return capture;
}

}  // namespace

Result<std::vector<mirror::AskedFrame>> read_capture(const std::string& path) {
  const auto capture = open_capture(path);
  if (!capture) return std::unexpected(capture.error());
  pcap_t* file = capture->get();
  if (const int type = pcap_datalink(file); type != DLT_EN10MB) {
    const char* name = pcap_datalink_val_to_name(type);
    return bad_capture(path, "frames of link type " + (name == nullptr ? std::to_string(type) : std::string(name)) +
                                 ", not EN10MB (Ethernet): capture on the lower device itself, not on \"any\"");
  }
  std::vector<mirror::AskedFrame> frames;
  for (;;) {
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int status = pcap_next_ex(file, &header, &bytes);
    if (status == PCAP_ERROR_BREAK) break;
    if (status != 1)
      return bad_capture(path, "after frame " + std::to_string(frames.size()) + ": " + pcap_geterr(file));
    if (frames.size() == kMostFrames)
      return bad_capture(path,
                         "more than " + std::to_string(kMostFrames) + " frames: take part of it, as with editcap -r");
    frames.push_back({.bytes = {bytes, bytes + std::min<std::size_t>(header->caplen, kBytesKept)}});
  }
  if (frames.empty()) return bad_capture(path, "there is no frame in it");
  return frames;
}

Result<std::optional<std::vector<std::uint8_t>>> parse_hex(std::string_view text) {
  const auto is_either = [](char c) { return is_digit(c) || is_separator(c); };
  if (!std::ranges::all_of(text, is_either)) return std::nullopt;
  const auto half_a_byte = usage_error("--frame " + quote(text) + ": give whole bytes, two digits each");
  std::vector<std::uint8_t> bytes;
  while (!text.empty()) {
    if (is_separator(text.front())) {
      text.remove_prefix(1);
      continue;
    }
    std::uint8_t byte = 0;
    const std::string_view digits = text.substr(0, 2);
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (status != std::errc{} || end != digits.data() + 2) return half_a_byte;
    bytes.push_back(byte);
    text.remove_prefix(2);
  }
  if (bytes.empty()) return half_a_byte;
  return bytes;
}

Result<ParsedFrames> parse_frame_arguments(const FrameArguments& arguments) {
  if (arguments.destination.has_value() == arguments.frame.has_value())
    return usage_error("explain: give either --dst or --frame");
  if (arguments.frame && (arguments.vlan || arguments.metadata_vlan))
    return usage_error("explain: --vlan and --metadata-vlan go with --dst: --frame has its tags in it");
  if (arguments.destination) {
    auto frame = built_frame(arguments);
    if (!frame) return std::unexpected(frame.error());
    return ParsedFrames{.frames = {std::move(*frame)}};
  }
  if (arguments.frame->size() <= kLongestHex) {
    auto bytes = parse_hex(*arguments.frame);
    if (!bytes) return std::unexpected(bytes.error());
    if (*bytes) return ParsedFrames{.frames = {{.bytes = std::move(**bytes)}}};
  }
  auto frames = read_capture(*arguments.frame);
  if (!frames && frames.error().code == ENOENT)
    return usage_error("--frame " + quote(*arguments.frame) + " is neither hexadecimal bytes nor a file");
  if (!frames) return std::unexpected(frames.error());
  return ParsedFrames{.frames = std::move(*frames), .many = true};
}

}  // namespace rxf::cli
