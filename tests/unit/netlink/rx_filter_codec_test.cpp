// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/rx_filter_codec.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/netlink.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <random>
#include <string>

namespace rxf::netlink {
namespace {

using Buffer = std::vector<std::uint8_t>;

Buffer operator+(Buffer left, const Buffer& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Buffer number(std::uint16_t value) { return {std::uint8_t(value & 0xff), std::uint8_t(value >> 8)}; }

// An attribute as it is on the wire of a little-endian machine, written without the code under test.
Buffer attribute(std::uint16_t type, const Buffer& payload) {
  Buffer bytes = number(static_cast<std::uint16_t>(4 + payload.size())) + number(type) + payload;
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}
Buffer nest(int type, const Buffer& payload) {
  return attribute(static_cast<std::uint16_t>(type | NLA_F_NESTED), payload);
}

constexpr std::uint16_t kBroadcastOnly = IFF_BROADCAST;
constexpr std::uint16_t kBoth = IFF_BROADCAST | IFF_MULTICAST;

const Buffer kUnicast = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01};
const Buffer kGroup = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01};

Buffer flags(std::uint16_t bits) { return attribute(kAddrFilterFlags, number(bits) + Buffer{0, 0}); }
Buffer entry(const Buffer& address) { return attribute(kAddrListEntry, address); }
Buffer unicast_list(const Buffer& entries = {}) { return nest(kAddrFilterUcList, entries); }
Buffer multicast_list(const Buffer& entries = {}) { return nest(kAddrFilterMcList, entries); }
Buffer bitmap(std::size_t set_bit = 42, std::size_t size = 512) {
  Buffer bytes(size);
  if (set_bit / 8 < size) bytes[set_bit / 8] = static_cast<std::uint8_t>(1U << (set_bit % 8));
  return attribute(kVlanBitmap, bytes);
}
Buffer addresses(const Buffer& parts) { return nest(kIflaRxFilter, nest(kIflaAddrFilter, parts)); }
Buffer vlans(const Buffer& parts) { return nest(kIflaRxFilter, nest(kIflaVlanFilter, parts)); }

Buffer entries(std::size_t count) {
  Buffer list;
  for (std::size_t i = 0; i < count; ++i) {
    list = list + entry({0x02, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
  }
  return list;
}

const Buffer kNoLists = unicast_list() + multicast_list();

FilterSet small_filter() {
  FilterSet filter;
  filter.addresses = AddressFilter{
      .flags = {.broadcast = true, .multicast = true},
      .unicast = {MacAddress::from_bytes(kUnicast)},
      .multicast = {MacAddress::from_bytes(kGroup)},
  };
  filter.vlans.emplace().insert(42);
  return filter;
}

void expect_round_trip(const FilterSet& filter) {
  const auto bytes = encode(filter);
  EXPECT_LE(bytes.size(), 16384U);
  EXPECT_EQ(bytes.size() % 4, 0U);
  const auto decoded = decode(bytes);
  ASSERT_TRUE(decoded) << decoded.error().text;
  EXPECT_EQ(*decoded, filter);
}

class RandomFilters {
 public:
  FilterSet next() {
    FilterSet filter;
    if (flip()) filter.addresses = next_addresses();
    if (flip()) filter.vlans = next_vlans();
    return filter;
  }

  bool flip() { return below(2) == 1; }
  std::size_t below(std::size_t bound) { return generator_() % bound; }

 private:
  MacAddress next_address(bool group) {
    MacAddress address;
    for (auto& byte : address.bytes) byte = static_cast<std::uint8_t>(below(256));
    address.bytes[0] = static_cast<std::uint8_t>(group ? (address.bytes[0] | 1) & 0x7f : (address.bytes[0] & 0xfe) | 2);
    return address;
  }

  AddressFilter next_addresses() {
    AddressFilter half{.flags = {flip(), flip(), flip(), flip()}};
    for (std::size_t left = below(20); left > 0; --left) half.unicast.insert(next_address(false));
    for (std::size_t left = half.flags.multicast ? below(20) : 0; left > 0; --left) {
      half.multicast.insert(next_address(true));
    }
    return half;
  }

  VlanSet next_vlans() {
    VlanSet half;
    for (std::size_t left = below(100); left > 0; --left) half.insert(static_cast<std::uint16_t>(1 + below(4094)));
    return half;
  }

  std::mt19937 generator_{20240607};
};

class RxFilterCodecTest : public testing::Test {
 protected:
  void SetUp() override {
    if constexpr (std::endian::native != std::endian::little) GTEST_SKIP() << "the bytes here are little-endian";
  }
};

TEST_F(RxFilterCodecTest, SmallSetHasTheseBytes) {
  const auto bytes = encode(small_filter());
  const Buffer head = {
      0x38, 0x02, 0x42, 0x80,                                                  // IFLA_RX_FILTER, 568 bytes
      0x2c, 0x00, 0x01, 0x80,                                                  //   IFLA_ADDR_FILTER, 44
      0x08, 0x00, 0x01, 0x00, 0x02, 0x10, 0x00, 0x00,                          //     FLAGS: broadcast, multicast
      0x10, 0x00, 0x02, 0x80,                                                  //     UC_LIST, 16
      0x0a, 0x00, 0x01, 0x00, 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01, 0x00, 0x00,  //       an entry, 10, and 2 of padding
      0x10, 0x00, 0x03, 0x80,                                                  //     MC_LIST, 16
      0x0a, 0x00, 0x01, 0x00, 0x01, 0x00, 0x5e, 0x00, 0x00, 0x01, 0x00, 0x00,  //       an entry
      0x08, 0x02, 0x02, 0x80,                                                  //   IFLA_VLAN_FILTER, 520
      0x04, 0x02, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04,              //     BITMAP, 516; bit 2 of byte 5: 42
  };
  const Buffer zeros(568 - head.size());
  EXPECT_EQ(bytes, head + zeros);
}

TEST_F(RxFilterCodecTest, UnfilteredIsAnEmptyNest) {
  EXPECT_EQ(encode({}), (Buffer{0x04, 0x00, 0x42, 0x80}));
  expect_round_trip({});
}

TEST_F(RxFilterCodecTest, RoundTripOfCorners) {
  expect_round_trip(small_filter());
  expect_round_trip({.addresses = AddressFilter{}});
  expect_round_trip({.vlans = VlanSet{}});
  expect_round_trip({.addresses = AddressFilter{.flags = {true, true, true, true}}, .vlans = VlanSet{}});

  FilterSet ends;
  ends.vlans.emplace().insert(VlanSet::kFirst);
  ends.vlans->insert(VlanSet::kLast);
  expect_round_trip(ends);
}

TEST_F(RxFilterCodecTest, RoundTripOfTheLargest) {
  FilterSet filter = small_filter();
  auto& half = *filter.addresses;
  for (std::uint8_t i = 0; half.unicast.size() < 512; ++i) {
    for (std::uint8_t j = 0; j < 8; ++j) half.unicast.insert({{0x02, 0, 0, 0, j, i}});
  }
  for (std::uint8_t i = 0; half.unicast.size() + half.multicast.size() < FilterSet::kMaxAddresses; ++i) {
    half.multicast.insert({{0x33, 0x33, 0, 0, 1, i}});
    half.multicast.insert({{0x33, 0x33, 0, 0, 2, i}});
    if (half.unicast.size() + half.multicast.size() == FilterSet::kMaxAddresses - 1) {
      half.multicast.insert({{0x33, 0x33, 0, 0, 3, i}});
    }
  }
  ASSERT_EQ(half.unicast.size() + half.multicast.size(), FilterSet::kMaxAddresses);
  expect_round_trip(filter);
}

TEST_F(RxFilterCodecTest, RoundTripOfRandomSets) {
  RandomFilters filters;
  for (int i = 0; i < 1000; ++i) expect_round_trip(filters.next());
}

TEST_F(RxFilterCodecTest, EachTruncationIsRefused) {
  const auto bytes = encode(small_filter());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // A copy of its own, so that AddressSanitizer sees a read past the end.
    const auto cut = std::make_unique<std::uint8_t[]>(size);
    std::copy_n(bytes.begin(), size, cut.get());
    const auto decoded = decode({cut.get(), size});
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error().exit, Exit::usage);
    EXPECT_EQ(decoded.error().code, EINVAL) << size;
    EXPECT_TRUE(decoded.error().text.starts_with("IFLA_RX_FILTER: missing or cut short")) << decoded.error().text;
  }
}

TEST_F(RxFilterCodecTest, ReadsFromAnyAlignment) {
  const auto bytes = encode(small_filter());
  for (std::size_t shift = 1; shift < 4; ++shift) {
    Buffer shifted(shift);
    shifted = shifted + bytes;
    const auto decoded = decode(std::span(shifted).subspan(shift));
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_EQ(*decoded, small_filter());
  }
}

// What is decoded from damaged bytes is at least a valid set, and decodes again.
TEST_F(RxFilterCodecTest, DamagedBytesAreRefusedOrMeanSomethingValid) {
  RandomFilters random;
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    auto bytes = encode(random.flip() ? small_filter() : random.next());
    for (std::size_t left = 1 + random.below(3); left > 0; --left) {
      bytes[random.below(std::min<std::size_t>(bytes.size(), 64))] = static_cast<std::uint8_t>(random.below(256));
    }
    const auto decoded = decode(bytes);
    if (decoded) {
      EXPECT_TRUE(validate(*decoded));
      EXPECT_EQ(decode(encode(*decoded)), decoded);
    } else {
      EXPECT_EQ(decoded.error().exit, Exit::usage);
      EXPECT_NE(decoded.error().code, 0) << decoded.error().text;
      ++refused;
    }
  }
  EXPECT_GT(refused, 10000);
}

using Decoded = std::expected<FilterChange, AttributeError>;

// The payload of IFLA_RX_FILTER, in a block of its own so that AddressSanitizer sees a read past its end.
Decoded decode_alone(std::span<const std::uint8_t> payload) {
  const auto copy = std::make_unique<std::uint8_t[]>(payload.size());
  std::ranges::copy(payload, copy.get());
  return decode_change(Bytes(copy.get(), payload.size()));
}

std::uint16_t length_at(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8);
}

Decoded decode_payload(const Buffer& attribute) {
  return decode_alone(std::span(attribute).first(length_at(attribute)).subspan(4));
}

Buffer encode_change(const FilterChange& change) {
  Message message(0, 0, 65536);
  put_rx_filter(message, kIflaRxFilter, change);
  return {message.payload().begin(), message.payload().end()};
}

// What is left when the message ends early is refused, or is the whole attributes before the cut.
TEST_F(RxFilterCodecTest, EachTruncationOfThePayloadIsRefusedOrMeansLess) {
  const Buffer bytes = encode(small_filter());
  const std::span payload = std::span(bytes).subspan(4);
  const std::size_t first_half = length_at(payload);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    const auto decoded = decode_alone(payload.first(size));
    if (size == 0) {
      EXPECT_EQ(decoded.value(), FilterChange{});
    } else if (size == first_half) {
      EXPECT_EQ(decoded.value(), stating({.addresses = small_filter().addresses}));
    } else {
      ASSERT_FALSE(decoded) << size;
      EXPECT_EQ(decoded.error().error.code, size < 4 ? ERANGE : EINVAL) << size;
      EXPECT_EQ(decoded.error().offset, -4) << size;
    }
  }
}

TEST_F(RxFilterCodecTest, LastPaddingMayBeLeftOut) {
  Buffer bytes = nest(kIflaAddrFilter, unicast_list(entry(kUnicast)));
  for (const std::size_t at : {0U, 4U}) bytes[at] = static_cast<std::uint8_t>(bytes[at] - 2);
  bytes.resize(bytes.size() - 2);
  const auto decoded = decode_alone(bytes);
  ASSERT_TRUE(decoded) << decoded.error().error.text;
  EXPECT_EQ(decoded->addresses->unicast, AddressSet{MacAddress::from_bytes(kUnicast)});
}

TEST_F(RxFilterCodecTest, PartsAreWrittenAndReadAsParts) {
  using Addresses = FilterChange::Addresses;
  using Vlans = FilterChange::Vlans;
  const AddressSet unicast = {MacAddress::from_bytes(kUnicast)};
  const FilterChange parts[] = {
      {},
      {.addresses = Addresses{}},
      {.vlans = Vlans{}},
      {.addresses = Addresses{}, .vlans = Vlans{}},
      {.addresses = Addresses{.flags = FilterFlags{}}},
      {.addresses = Addresses{.unicast = AddressSet{}}},
      {.addresses = Addresses{.unicast = unicast}},
      {.addresses = Addresses{.multicast = AddressSet{}}},
      {.vlans = Vlans{VlanSet{}}},
      exactly(small_filter()),
  };
  for (const FilterChange& part : parts) {
    const auto decoded = decode_payload(encode_change(part));
    ASSERT_TRUE(decoded) << decoded.error().error.text;
    EXPECT_EQ(*decoded, part);
  }
  EXPECT_EQ(encode_change(parts[3]), nest(kIflaRxFilter, nest(kIflaAddrFilter, {}) + nest(kIflaVlanFilter, {})));
}

TEST_F(RxFilterCodecTest, AttributeHasTheNumberAskedFor) {
  Message message(0, 0);
  put_rx_filter(message, 67, {});
  EXPECT_EQ(Buffer(message.payload().begin(), message.payload().end()), nest(67, {}));
}

TEST_F(RxFilterCodecTest, OfARepeatedAttributeTheLastCounts) {
  const Buffer other = {0x02, 0, 0, 0, 0, 9};
  const struct {
    Buffer twice;
    Buffer once;
  } rows[] = {
      {vlans(bitmap(42)), vlans(bitmap(42))},
      {vlans(bitmap(42) + bitmap(7)), vlans(bitmap(7))},
      {nest(kIflaRxFilter, nest(kIflaVlanFilter, bitmap()) + nest(kIflaVlanFilter, {})), vlans({})},
      {addresses(flags(kBoth) + flags(kBroadcastOnly)), addresses(flags(kBroadcastOnly))},
      {addresses(unicast_list(entry(kUnicast)) + unicast_list()), addresses(unicast_list())},
      // Only what counts has to make sense.
      {addresses(unicast_list(entry(kGroup)) + unicast_list(entry(other))), addresses(unicast_list(entry(other)))},
      {vlans(bitmap(0) + bitmap(7)), vlans(bitmap(7))},
  };
  for (const auto& [twice, once] : rows) {
    const auto decoded = decode_payload(twice);
    ASSERT_TRUE(decoded) << decoded.error().error.text;
    EXPECT_EQ(*decoded, decode_payload(once).value());
  }
}

TEST_F(RxFilterCodecTest, AddressesComeInAnyOrderAndTwice) {
  const auto decoded = decode_payload(
      addresses(unicast_list(entry({2, 0, 0, 0, 0, 2}) + entry({2, 0, 0, 0, 0, 1}) + entry({2, 0, 0, 0, 0, 2}))));
  ASSERT_TRUE(decoded) << decoded.error().error.text;
  EXPECT_EQ(decoded->addresses->unicast, (AddressSet{{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}}));
}

// The kernel masks it out wherever it looks at a type.
TEST_F(RxFilterCodecTest, ByteOrderFlagSaysNothing) {
  EXPECT_TRUE(decode_payload(vlans(attribute(kVlanBitmap | NLA_F_NET_BYTEORDER, Buffer(512)))));
}

TEST_F(RxFilterCodecTest, AttributeItselfHasToBeNested) {
  const Attribute flat{.type = kIflaRxFilter, .flags = 0, .payload = {}};
  const auto decoded = decode_change(flat);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().error, (Error{"IFLA_RX_FILTER: NLA_F_NESTED is missing", EINVAL, Exit::usage}));
  EXPECT_EQ(decoded.error().offset, -4);
  EXPECT_TRUE(decode_change(Attribute{.type = kIflaRxFilter, .flags = NLA_F_NESTED, .payload = {}}));
}

struct Refusal {
  const char* name;
  Buffer bytes;  // the attribute
  int code;
  std::ptrdiff_t offset;
  const char* text;  // how the error begins
};

std::ostream& operator<<(std::ostream& stream, const Refusal& row) { return stream << row.name; }

class RefusalTest : public RxFilterCodecTest, public testing::WithParamInterface<Refusal> {};

// An attribute whose header says `length`, whatever follows.
Buffer with_length(Buffer bytes, std::uint16_t length) {
  std::ranges::copy(number(length), bytes.begin());
  return bytes;
}

Buffer nested_deep(int depth) {
  Buffer bytes;
  for (; depth > 0; --depth) bytes = nest(kIflaAddrFilter, bytes);
  return bytes;
}

// Offsets: 0 is the half, 4 its first attribute, and 12 what follows flags there.
const Refusal kRefusals[] = {
    {"UnknownHalf", nest(kIflaRxFilter, nest(3, {})), EINVAL, 0, "IFLA_RX_FILTER: unknown attribute 3"},
    {"HalfOfTypeZero", nest(kIflaRxFilter, nest(0, {})), EINVAL, 0, "IFLA_RX_FILTER: unknown attribute 0"},
    {"UnknownBesideAHalf", nest(kIflaRxFilter, nest(kIflaVlanFilter, {}) + nest(3, {})), EINVAL, 4,
     "IFLA_RX_FILTER: unknown attribute 3"},
    {"HalfNotNested", nest(kIflaRxFilter, attribute(kIflaAddrFilter, flags(kBoth))), EINVAL, 0,
     "IFLA_ADDR_FILTER: NLA_F_NESTED is missing"},
    {"VlanHalfNotNested", nest(kIflaRxFilter, attribute(kIflaVlanFilter, bitmap())), EINVAL, 0,
     "IFLA_VLAN_FILTER: NLA_F_NESTED is missing"},
    {"UnknownInAddressHalf", addresses(flags(kBoth) + kNoLists + nest(4, {})), EINVAL, 20,
     "IFLA_ADDR_FILTER: unknown attribute 4"},
    {"FlagsTooShort", addresses(attribute(kAddrFilterFlags, {2, 0}) + kNoLists), EINVAL, 4,
     "IFLA_ADDR_FILTER_FLAGS: 2 bytes instead of 4"},
    {"FlagsTooLong", addresses(attribute(kAddrFilterFlags, Buffer(8)) + kNoLists), EINVAL, 4,
     "IFLA_ADDR_FILTER_FLAGS: 8 bytes instead of 4"},
    {"FlagsNested", addresses(nest(kAddrFilterFlags, {2, 0, 0, 0}) + kNoLists), EINVAL, 4,
     "IFLA_ADDR_FILTER_FLAGS: NLA_F_NESTED is not expected"},
    {"UnknownFlag", addresses(kNoLists + flags(IFF_UP)), EINVAL, 12, "IFLA_ADDR_FILTER_FLAGS: unknown filter flags"},
    {"ListNotNested", addresses(flags(kBoth) + attribute(kAddrFilterUcList, entry(kUnicast))), EINVAL, 12,
     "IFLA_ADDR_FILTER_UC_LIST: NLA_F_NESTED is missing"},
    {"UnknownInList", addresses(flags(kBoth) + unicast_list(attribute(2, kUnicast))), EINVAL, 16,
     "IFLA_ADDR_FILTER_UC_LIST: unknown attribute 2"},
    {"EntryNested", addresses(flags(kBoth) + unicast_list(nest(kAddrListEntry, kUnicast))), EINVAL, 16,
     "IFLA_ADDR_LIST_ENTRY: NLA_F_NESTED is not expected"},
    {"EmptyAddress", addresses(flags(kBoth) + unicast_list(entry({}))), ERANGE, 16,
     "IFLA_ADDR_LIST_ENTRY: 0 bytes instead of 6"},
    {"AddressTooShort", addresses(flags(kBoth) + unicast_list(entry({2, 0, 0, 0, 1}))), ERANGE, 16,
     "IFLA_ADDR_LIST_ENTRY: 5 bytes instead of 6"},
    {"SecondAddressTooLong", addresses(flags(kBoth) + unicast_list(entry(kUnicast) + entry(kUnicast + Buffer{0}))),
     ERANGE, 28, "IFLA_ADDR_LIST_ENTRY: 7 bytes instead of 6"},
    {"GroupAsUnicast", addresses(flags(kBoth) + unicast_list(entry(kGroup))), EADDRNOTAVAIL, 16,
     "IFLA_ADDR_FILTER_UC_LIST: "},
    {"ZeroAddress", addresses(flags(kBoth) + unicast_list(entry(kUnicast) + entry(Buffer(6)))), EADDRNOTAVAIL, 28,
     "IFLA_ADDR_FILTER_UC_LIST: "},
    {"UnicastAsGroup", addresses(flags(kBoth) + multicast_list(entry(kUnicast))), EADDRNOTAVAIL, 16,
     "IFLA_ADDR_FILTER_MC_LIST: "},
    {"ZeroAsGroup", addresses(flags(kBoth) + multicast_list(entry(Buffer(6)))), EADDRNOTAVAIL, 16,
     "IFLA_ADDR_FILTER_MC_LIST: "},
    {"BroadcastAsGroup", addresses(flags(kBoth) + multicast_list(entry(Buffer(6, 0xff)))), EADDRNOTAVAIL, 16,
     "IFLA_ADDR_FILTER_MC_LIST: "},
    {"BroadcastAsUnicast", addresses(flags(kBoth) + unicast_list(entry(Buffer(6, 0xff)))), EADDRNOTAVAIL, 16,
     "IFLA_ADDR_FILTER_UC_LIST: "},
    {"UnicastListFirst", addresses(multicast_list(entry(kUnicast)) + unicast_list(entry(kGroup))), EADDRNOTAVAIL, 24,
     "IFLA_ADDR_FILTER_UC_LIST: "},
    {"BitmapTooShort", vlans(bitmap(42, 511)), ERANGE, 4, "IFLA_VLAN_BITMAP: 511 bytes instead of 512"},
    {"BitmapTooLong", vlans(bitmap(42, 513)), ERANGE, 4, "IFLA_VLAN_BITMAP: 513 bytes instead of 512"},
    {"BitmapEmpty", vlans(bitmap(42, 0)), ERANGE, 4, "IFLA_VLAN_BITMAP: 0 bytes instead of 512"},
    {"BitmapNested", vlans(nest(kVlanBitmap, Buffer(512))), EINVAL, 4,
     "IFLA_VLAN_BITMAP: NLA_F_NESTED is not expected"},
    {"UnknownInVlanHalf", vlans(bitmap() + attribute(2, {})), EINVAL, 520, "IFLA_VLAN_FILTER: unknown attribute 2"},
    {"VidZero", vlans(bitmap(0)), EINVAL, 4, "IFLA_VLAN_BITMAP: VID 0 "},
    {"Vid4095", vlans(bitmap(4095)), EINVAL, 4, "IFLA_VLAN_BITMAP: VID 4095 "},
    {"FormBeforeValues",
     nest(kIflaRxFilter, nest(kIflaAddrFilter, unicast_list(entry(kGroup))) + nest(kIflaVlanFilter, bitmap(42, 511))),
     ERANGE, 24, "IFLA_VLAN_BITMAP: 511 bytes"},
    {"AddressesBeforeVlans",
     nest(kIflaRxFilter, nest(kIflaVlanFilter, bitmap(0)) + nest(kIflaAddrFilter, unicast_list(entry(kGroup)))),
     EADDRNOTAVAIL, 528, "IFLA_ADDR_FILTER_UC_LIST: "},
    {"FormOfWhatDoesNotCount", addresses(unicast_list(entry({2})) + unicast_list()), ERANGE, 8,
     "IFLA_ADDR_LIST_ENTRY: 1 bytes"},
    {"OneByteAlone", nest(kIflaRxFilter, {0}), ERANGE, -4, "IFLA_RX_FILTER: an attribute in it is cut short"},
    {"StrayBytesInAHalf", addresses({0, 0, 0}), ERANGE, 0, "IFLA_ADDR_FILTER: an attribute in it is cut short"},
    {"StrayByteInAList", addresses(unicast_list({0})), ERANGE, 4,
     "IFLA_ADDR_FILTER_UC_LIST: an attribute in it is cut short"},
    {"StrayBytesAfterAnEntry", addresses(unicast_list(entry(kUnicast) + Buffer{0, 0, 0})), EINVAL, 4,
     "IFLA_ADDR_FILTER_UC_LIST: an attribute in it is cut short"},
    {"InnerLongerThanOuter", nest(kIflaRxFilter, with_length(nest(kIflaAddrFilter, {}), 8)), EINVAL, -4,
     "IFLA_RX_FILTER: an attribute in it is cut short"},
    {"EntryLongerThanList", addresses(flags(kBoth) + unicast_list(with_length(entry(kUnicast), 0xffff))), EINVAL, 12,
     "IFLA_ADDR_FILTER_UC_LIST: an attribute in it is cut short"},
    {"LengthZero", nest(kIflaRxFilter, with_length(nest(kIflaAddrFilter, {}), 0)), EINVAL, -4,
     "IFLA_RX_FILTER: an attribute in it is cut short"},
    {"LengthThree", nest(kIflaRxFilter, with_length(nest(kIflaAddrFilter, {}), 3)), EINVAL, -4,
     "IFLA_RX_FILTER: an attribute in it is cut short"},
    {"NestedForEver", nest(kIflaRxFilter, nested_deep(5000)), EINVAL, 4,
     "IFLA_ADDR_FILTER_FLAGS: NLA_F_NESTED is not expected"},
};

INSTANTIATE_TEST_SUITE_P(Codec, RefusalTest, testing::ValuesIn(kRefusals),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(RefusalTest, TellsCodeAndAttribute) {
  const auto decoded = decode_payload(GetParam().bytes);
  ASSERT_FALSE(decoded);
  const auto& [error, offset, of_value] = decoded.error();
  EXPECT_EQ(error.code, GetParam().code);
  EXPECT_EQ(offset, GetParam().offset);
  EXPECT_EQ(of_value, error.code == EADDRNOTAVAIL || error.text.contains("VID "));
  EXPECT_EQ(error.exit, Exit::usage);
  EXPECT_TRUE(error.text.starts_with(GetParam().text)) << error.text;
}

// The bytes of the rows above are refused for the reason named, not because they are written wrongly as a whole.
TEST_F(RxFilterCodecTest, WhatTheRefusalsAreMadeOfIsAccepted) {
  const auto whole = decode(nest(kIflaRxFilter, nest(kIflaAddrFilter, flags(kBoth) + unicast_list(entry(kUnicast)) +
                                                                          multicast_list(entry(kGroup))) +
                                                    nest(kIflaVlanFilter, bitmap(42))));
  ASSERT_TRUE(whole) << whole.error().text;
  EXPECT_EQ(*whole, small_filter());
  EXPECT_TRUE(decode(addresses(flags(kBoth) + unicast_list(entries(1024)) + multicast_list())));
}

struct NotWhole {
  const char* name;
  Buffer bytes;
  int code;
  const char* text;
};

const NotWhole kNotWhole[] = {
    {"NothingAtAll", {}, EINVAL, "IFLA_RX_FILTER: missing or cut short"},
    {"OtherAttribute", nest(kIflaRxFilter + 1, {}), EINVAL, "IFLA_RX_FILTER: attribute 67 instead"},
    {"NotNested", attribute(kIflaRxFilter, {}), EINVAL, "IFLA_RX_FILTER: NLA_F_NESTED is missing"},
    {"Twice", nest(kIflaRxFilter, {}) + nest(kIflaRxFilter, {}), EINVAL, "IFLA_RX_FILTER: more follows"},
    {"BytesAfterIt", nest(kIflaRxFilter, {}) + Buffer{0}, EINVAL, "IFLA_RX_FILTER: more follows"},
    {"EmptyAddressHalf", addresses({}), EINVAL, "IFLA_RX_FILTER: a part"},
    {"EmptyVlanHalf", vlans({}), EINVAL, "IFLA_RX_FILTER: a part"},
    {"NoFlags", addresses(kNoLists), EINVAL, "IFLA_RX_FILTER: a part"},
    {"NoUnicastList", addresses(flags(kBoth) + multicast_list()), EINVAL, "IFLA_RX_FILTER: a part"},
    {"NoMulticastList", addresses(flags(kBoth) + unicast_list()), EINVAL, "IFLA_RX_FILTER: a part"},
    {"NotEvenAChange", vlans(bitmap(42, 511)), ERANGE, "IFLA_VLAN_BITMAP: 511"},
    {"GroupsWithoutTheFlag", addresses(flags(kBroadcastOnly) + unicast_list() + multicast_list(entry(kGroup))), EINVAL,
     "IFLA_RX_FILTER: a multicast list of 1"},
    {"TooManyAddresses", addresses(flags(kBoth) + unicast_list(entries(1024)) + multicast_list(entry(kGroup))), E2BIG,
     "IFLA_RX_FILTER: 1025 addresses"},
};

TEST_F(RxFilterCodecTest, OnlyAWholeSetIsOne) {
  for (const auto& [name, bytes, code, text] : kNotWhole) {
    const auto decoded = decode(bytes);
    ASSERT_FALSE(decoded) << name;
    EXPECT_EQ(decoded.error().code, code) << name;
    EXPECT_EQ(decoded.error().exit, Exit::usage) << name;
    EXPECT_TRUE(decoded.error().text.starts_with(text)) << name << ": " << decoded.error().text;
  }
}

}  // namespace
}  // namespace rxf::netlink
