// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render_drop.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <span>

#include "loader/cli/text.h"

namespace rxf::cli {

namespace {

using mirror::DroppedFrame;

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::size_t kHeaderBytes = 14;
constexpr std::size_t kTagBytes = 4;

// The header as it was on the wire.
struct Header {
  MacAddress destination;
  MacAddress source;
  std::vector<VlanTag> tags;  // outermost first
  std::uint16_t ether_type = 0;
};

std::uint16_t number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

bool is_tag(std::uint16_t ether_type) { return ether_type == kTpidCustomer || ether_type == kTpidService; }

std::optional<Header> header_of(const DroppedFrame& frame) {
  const std::span<const std::uint8_t> bytes(frame.bytes);
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  Header header{.destination = MacAddress::from_bytes(bytes.first<6>()),
                .source = MacAddress::from_bytes(bytes.subspan<6, 6>())};
  if (frame.metadata) header.tags.push_back(*frame.metadata);
  std::size_t at = kHeaderBytes - 2;
  for (; is_tag(number_at(bytes, at)) && at + 2 + kTagBytes <= bytes.size(); at += kTagBytes)
    header.tags.push_back({.tpid = number_at(bytes, at), .tci = number_at(bytes, at + 2)});
  header.ether_type = number_at(bytes, at);
  return header;
}

std::string hexadecimal(std::uint16_t number) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "0x%04x", number);
  return text.data();
}

std::string hexadecimal(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string clock_text(std::uint64_t time) {
  const auto seconds = static_cast<time_t>(time / kNanosecondsPerSecond);
  tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%06u", parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<unsigned>(time % kNanosecondsPerSecond / 1000));
  return text.data();
}

// "2026-11-22T20:00:01.123456789Z" (RFC 3339)
std::string date_text(std::uint64_t time) {
  const auto seconds = static_cast<time_t>(time / kNanosecondsPerSecond);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%09uZ", static_cast<unsigned>(time % kNanosecondsPerSecond));
  return std::string(date.data()) + fraction.data();
}

std::string header_text(const DroppedFrame& frame) {
  const std::optional<Header> header = header_of(frame);
  if (!header) return "";
  std::string text = to_string(header->source) + " > " + to_string(header->destination) + "  ";
  for (const VlanTag& tag : header->tags)
    text += (tag.tpid == kTpidService ? "service vlan " : "vlan ") + std::to_string(tag.vid()) + "  ";
  return text + hexadecimal(header->ether_type) + "  ";
}

Json to_json(const VlanTag& tag) {
  return {
      {"protocol", tag.tpid == kTpidService ? "802.1ad" : "802.1Q"}, {"vlan", tag.vid()}, {"priority", tag.tci >> 13}};
}

// The VLAN that counts.
Json vlan_json(const Header& header) {
  const auto vlan = frame_with(header.destination, header.tags).vlan();
  return vlan ? Json(*vlan) : Json();
}

}  // namespace

std::string drop_text(const DroppedFrame& frame, std::uint64_t time) {
  return clock_text(time) + " " +
         (frame.upper ? printable(*frame.upper) + " guard" : printable(frame.device) + " early drop") + ": " +
         std::string(to_string(frame.reason)) + "  " + header_text(frame) + std::to_string(frame.length) + " bytes" +
         (frame.packets > 1 ? "  " + std::to_string(frame.packets) + " frames" : "") +
         (frame.enforced ? "" : "   (shadow: counted, not dropped)") + "\n";
}

Json to_json(const DroppedFrame& frame, std::uint64_t time) {
  Json json = {{"time", date_text(time)},
               {"device", frame.device},
               {"hook", frame.upper ? "guard" : "early"},
               {"upper", frame.upper ? Json(*frame.upper) : Json()},
               {"reason", to_string(frame.reason)},
               {"enforced", frame.enforced}};
  if (const std::optional<Header> header = header_of(frame)) {
    json["source"] = to_string(header->source);
    json["destination"] = to_string(header->destination);
    json["vlan"] = vlan_json(*header);
    json["tags"] = Json::array();
    for (const VlanTag& tag : header->tags) json["tags"].push_back(to_json(tag));
    json["ether_type"] = hexadecimal(header->ether_type);
  }
  json["length"] = frame.length;
  json["frames"] = frame.packets;
  json["bytes"] = hexadecimal(frame.bytes);
  return json;
}

}  // namespace rxf::cli
