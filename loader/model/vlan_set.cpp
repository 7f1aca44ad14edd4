// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/vlan_set.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>

namespace rxf {
namespace {

constexpr std::uint16_t kReservedNull = 0;     // a priority tag
constexpr std::uint16_t kReservedLast = 4095;  // IEEE 802.1Q-2018, table 9-2
constexpr std::string_view kExpected = "give VIDs and ranges, as in 42,100-109";

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::unexpected<Error> bad_vid(std::string_view digits, std::string_view item, std::string_view problem) {
  return usage_error("VID " + std::string(digits) + " in " + quoted(item) + " is " + std::string(problem) +
                     ": VIDs are 1 to 4094");
}

Result<std::uint16_t> parse_vid(std::string_view digits, std::string_view item) {
  std::uint16_t vid = 0;
  const auto [end, status] = std::from_chars(digits.begin(), digits.end(), vid);
  if (status == std::errc::invalid_argument || end != digits.end())
    return usage_error(quoted(item) + " is not a VLAN: " + std::string(kExpected));
  if (status == std::errc::result_out_of_range || vid > kReservedLast) return bad_vid(digits, item, "out of range");
  if (vid == kReservedNull || vid == kReservedLast) return bad_vid(digits, item, "reserved");
  return vid;
}

Result<void> insert_item(VlanSet& vlans, std::string_view item) {
  const std::size_t dash = item.find('-');
  const auto first = parse_vid(item.substr(0, dash), item);
  if (!first) return std::unexpected(first.error());
  const auto last = dash == std::string_view::npos ? first : parse_vid(item.substr(dash + 1), item);
  if (!last) return std::unexpected(last.error());
  if (*first > *last)
    return usage_error(quoted(item) + " is reversed: write " + std::to_string(*last) + "-" + std::to_string(*first));
  for (std::uint16_t vid = *first; vid <= *last; ++vid) vlans.insert(vid);
  return {};
}

void append_range(std::string& text, std::uint16_t first, std::uint16_t last) {
  if (!text.empty()) text += ',';
  text += std::to_string(first);
  if (last != first) text += "-" + std::to_string(last);
}

}  // namespace

Result<VlanSet> VlanSet::parse(std::string_view text) {
  VlanSet vlans;
  if (text == "none") return vlans;
  if (text.empty()) return usage_error("\"\" names no VLAN: " + std::string(kExpected) + ", or none");
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    const auto item = text.substr(start, comma - start);
    if (item.empty()) return usage_error("empty item \"\" in " + quoted(text) + ": " + std::string(kExpected));
    if (const auto done = insert_item(vlans, item); !done) return std::unexpected(done.error());
    start = comma + 1;
  }
  return vlans;
}

Result<VlanSet> VlanSet::from_bitmap(std::span<const std::uint8_t> bitmap) {
  const auto refuse = [](std::string text, int code) {
    return std::unexpected(Error{.text = std::move(text), .code = code, .exit = Exit::usage});
  };
  if (bitmap.size() != kBitmapBytes)
    return refuse("VLAN bitmap of " + std::to_string(bitmap.size()) + " bytes: it has 512", ERANGE);
  VlanSet vlans;
  for (std::size_t vid = 0; vid < vlans.vids_.size(); ++vid) vlans.vids_[vid] = (bitmap[vid / 8] >> (vid % 8) & 1) != 0;
  for (const auto vid : {kReservedNull, kReservedLast})
    if (vlans.vids_[vid])
      return refuse("VID " + std::to_string(vid) + " in the VLAN bitmap is reserved: VIDs are 1 to 4094", EINVAL);
  return vlans;
}

std::array<std::uint8_t, VlanSet::kBitmapBytes> VlanSet::bitmap() const {
  std::array<std::uint8_t, kBitmapBytes> bytes{};
  for (std::size_t vid = 0; vid < vids_.size(); ++vid)
    if (vids_[vid]) bytes[vid / 8] = static_cast<std::uint8_t>(bytes[vid / 8] | 1U << (vid % 8));
  return bytes;
}

std::array<std::uint64_t, 64> VlanSet::words() const {
  std::array<std::uint64_t, 64> words{};
  for (std::size_t vid = 0; vid < vids_.size(); ++vid)
    if (vids_[vid]) words[vid / 64] |= std::uint64_t{1} << (vid % 64);
  return words;
}

VlanSet VlanSet::from_words(std::span<const std::uint64_t, 64> words) {
  VlanSet vlans;
  for (std::size_t vid = kFirst; vid <= kLast; ++vid) vlans.vids_[vid] = (words[vid / 64] >> (vid % 64) & 1) != 0;
  return vlans;
}

void VlanSet::insert(std::uint16_t vid) {
  assert(vid >= kFirst && vid <= kLast);
  vids_.set(vid);
}

void VlanSet::erase(std::uint16_t vid) {
  assert(vid >= kFirst && vid <= kLast);
  vids_.reset(vid);
}

VlanSet& VlanSet::operator|=(const VlanSet& other) {
  vids_ |= other.vids_;
  return *this;
}

VlanSet& VlanSet::operator-=(const VlanSet& other) {
  vids_ &= ~other.vids_;
  return *this;
}

std::string to_string(const VlanSet& vlans) {
  if (vlans.empty()) return "none";
  std::string text;
  for (std::uint16_t vid = VlanSet::kFirst; vid <= VlanSet::kLast; ++vid) {
    if (!vlans.contains(vid)) continue;
    const std::uint16_t first = vid;
    while (vlans.contains(static_cast<std::uint16_t>(vid + 1))) ++vid;
    append_range(text, first, vid);
  }
  return text;
}

}  // namespace rxf
