// SPDX-License-Identifier: GPL-2.0-only
// The payload of an IFLA_RX_FILTER is any bytes.
#include "loader/netlink/rx_filter_codec.h"

#include <array>
#include <cstdlib>
#include <string_view>

namespace rxf::netlink {
namespace {

// The most that a client can send.
constexpr std::size_t kMaxPayload = 32768;

void require(bool condition) {
  if (!condition) std::abort();
}

void expect_sound(const AttributeError& error, Bytes payload) {
  const std::ptrdiff_t header = sizeof(nlattr);
  require(error.error.code != 0 && error.error.exit == Exit::usage);
  require(std::string_view(error.error.text).starts_with("IFLA_"));
  require(error.offset >= -header && error.offset <= static_cast<std::ptrdiff_t>(payload.size()) - header);
}

void expect_same_when_encoded(const FilterChange& change) {
  Message message(0, 0, 2 * kMaxPayload);
  put_rx_filter(message, kIflaRxFilter, change);
  Bytes bytes = message.payload();
  const auto attribute = take_attribute(bytes);
  require(attribute && bytes.empty());
  const auto again = decode_change(*attribute);
  require(again && *again == change);
}

std::array<FilterSet, 3> sets_before() {
  FilterSet full;
  full.addresses = AddressFilter{
      .flags = {.multicast = true}, .unicast = {{{2, 0, 0, 0, 0, 1}}}, .multicast = {{{0x33, 0x33, 0, 0, 0, 1}}}};
  full.vlans.emplace().insert(5);
  return {FilterSet{}, {.addresses = AddressFilter{}}, full};
}

void expect_valid_or_refused(const FilterSet& now, const FilterChange& change) {
  const auto after = merged(now, change);
  if (!after) return require(after.error().code != 0);
  require(validate(*after).has_value());
  require(decode(encode(*after)) == *after);
  require(merged(now, exactly(*after)) == *after);
}

}  // namespace

void decode_anything(Bytes payload) {
  const auto change = decode_change(payload);
  if (!change) return expect_sound(change.error(), payload);
  expect_same_when_encoded(*change);
  static const auto sets = sets_before();
  for (const FilterSet& now : sets) expect_valid_or_refused(now, *change);
}

}  // namespace rxf::netlink

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rxf::netlink::decode_anything({data, size});
  return 0;
}
