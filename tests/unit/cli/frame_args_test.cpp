// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/frame_args.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace rxf::cli {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(ParseHex, TakesBytesWithOrWithoutSeparators) {
  const Bytes bytes = {0x02, 0xaa, 0xbb, 0x0c};
  for (const char* text : {"02aabb0c", "02:aa:bb:0c", "02 AA Bb 0c", " 02aa bb0c\n", "02aa:bb0c"}) {
    const auto parsed = parse_hex(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, bytes) << text;
  }
}

TEST(ParseHex, LeavesFileNamesAlone) {
  for (const char* text : {"frame.pcap", "02aaxx", "0x02aa", "./beef", "02-aa", "02aa,bb"}) {
    const auto parsed = parse_hex(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, std::nullopt) << text;
  }
}

TEST(ParseHex, RefusesHalfBytes) {
  for (const char* text : {"", " ", ":", "0", "02a", "0 2", "02:a:bb"}) {
    const auto parsed = parse_hex(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().exit, Exit::usage) << text;
    EXPECT_TRUE(parsed.error().text.starts_with("--frame \"")) << parsed.error().text;
  }
}

mirror::AskedFrame built(const FrameArguments& arguments) {
  const auto parsed = parse_frame_arguments(arguments);
  EXPECT_TRUE(parsed) << parsed.error().text;
  EXPECT_FALSE(parsed->many);
  return parsed->frames.at(0);
}

TEST(FrameArguments, BuildTheSmallestFrame) {
  const auto plain = built({.destination = "02:aa:bb:cc:dd:01"});
  EXPECT_EQ(plain.bytes.size(), 60U);
  EXPECT_EQ(parse_frame(plain.bytes), (Frame{.destination = *MacAddress::parse("02:aa:bb:cc:dd:01")}));
  EXPECT_EQ(plain.bytes[12], 0x88);
  const auto tagged = built({.destination = "02:aa:bb:cc:dd:01", .vlan = "4094"});
  EXPECT_EQ(tagged.bytes.size(), 60U);
  EXPECT_EQ(parse_frame(tagged.bytes)->tag, (VlanTag{kTpidCustomer, 4094}));
  EXPECT_EQ(tagged.metadata, std::nullopt);
  const auto stripped = built({.destination = "ff:ff:ff:ff:ff:ff", .vlan = "0", .metadata_vlan = "7"});
  EXPECT_EQ(parse_frame(stripped.bytes)->tag, std::nullopt);
  EXPECT_EQ(stripped.metadata, (VlanTag{kTpidCustomer, 7}));
}

struct BadRow {
  const char* name;
  FrameArguments arguments;
  const char* words;
};

void PrintTo(const BadRow& row, std::ostream* out) { *out << row.name; }

class BadFrameArguments : public testing::TestWithParam<BadRow> {};

TEST_P(BadFrameArguments, AreUsageErrors) {
  const auto parsed = parse_frame_arguments(GetParam().arguments);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().exit, Exit::usage);
  EXPECT_NE(parsed.error().text.find(GetParam().words), std::string::npos) << parsed.error().text;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, BadFrameArguments,
    testing::Values(BadRow{"nothing", {}, "either --dst or --frame"},
                    BadRow{"both", {.destination = "02:aa:bb:cc:dd:01", .frame = "02"}, "either --dst or --frame"},
                    BadRow{"vlan_alone", {.vlan = "7"}, "either --dst or --frame"},
                    BadRow{"frame_and_vlan", {.vlan = "7", .frame = "02"}, "go with --dst"},
                    BadRow{"frame_and_metadata", {.metadata_vlan = "7", .frame = "02"}, "go with --dst"},
                    BadRow{"mac", {.destination = "02:aa:bb:cc:dd"}, "--dst: \"02:aa:bb:cc:dd\" is not a MAC"},
                    BadRow{"long_mac", {.destination = std::string(5000, 'a')}, "aaa...\" is not a MAC"},
                    BadRow{"vlan_4095", {.destination = "02:aa:bb:cc:dd:01", .vlan = "4095"}, "--vlan \"4095\""},
                    BadRow{"vlan_sign", {.destination = "02:aa:bb:cc:dd:01", .vlan = "-1"}, "--vlan \"-1\""},
                    BadRow{"vlan_range", {.destination = "02:aa:bb:cc:dd:01", .vlan = "7-8"}, "--vlan \"7-8\""},
                    BadRow{"vlan_empty", {.destination = "02:aa:bb:cc:dd:01", .vlan = ""}, "--vlan \"\""},
                    BadRow{"vlan_huge", {.destination = "02:aa:bb:cc:dd:01", .vlan = "65543"}, "--vlan \"65543\""},
                    BadRow{"metadata", {.destination = "02:aa:bb:cc:dd:01", .metadata_vlan = "x"}, "--metadata-vlan"},
                    BadRow{"no_file", {.frame = "/nonexistent.pcap"}, "neither hexadecimal bytes nor a file"}),
    [](const auto& row) { return row.param.name; });

// A capture file in the making; `swapped` is the other endianness.
class Capture {
 public:
  explicit Capture(std::uint32_t magic = 0xa1b2c3d4, std::uint32_t link_type = 1, bool swapped = false,
                   std::uint32_t snaplen = 65535)
      : swapped_(swapped) {
    put32(magic);
    put16(2);
    put16(4);
    put32(0);
    put32(0);
    put32(snaplen);
    put32(link_type);
  }

  Capture& frame(const Bytes& bytes) { return record(static_cast<std::uint32_t>(bytes.size()), bytes); }

  // With a length that may not be true.
  Capture& record(std::uint32_t length, const Bytes& bytes) {
    for (const std::uint32_t field : {1U, 2U, length, length}) put32(field);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  void put(std::uint32_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i)
      bytes_.push_back(static_cast<std::uint8_t>(value >> 8 * (swapped_ ? size - 1 - i : i)));
  }
  void put16(std::uint16_t value) { put(value, 2); }
  void put32(std::uint32_t value) { put(value, 4); }

  bool swapped_;
  Bytes bytes_;
};

class ReadCapture : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "rxfilter-capture-XXXXXX";
    const int fd = ::mkstemp(path_.data());
    ASSERT_GE(fd, 0);
    ::close(fd);
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  Result<std::vector<mirror::AskedFrame>> read(const Bytes& bytes) {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    for (const std::uint8_t byte : bytes) file.put(static_cast<char>(byte));
    file.close();
    return read_capture(path_);
  }

  void expect_error(const Bytes& bytes, const std::string& words) {
    const auto frames = read(bytes);
    ASSERT_FALSE(frames) << words;
    EXPECT_EQ(frames.error().exit, Exit::refused);
    EXPECT_TRUE(frames.error().text.starts_with(path_ + ": ")) << frames.error().text;
    EXPECT_NE(frames.error().text.find(words), std::string::npos) << frames.error().text;
    EXPECT_EQ(frames.error().text.find('\n'), std::string::npos);
  }

  std::string path_;
};

const Bytes kFrame(60, 0x5a);

TEST_F(ReadCapture, EitherEndiannessAndResolution) {
  for (const std::uint32_t magic : {0xa1b2c3d4U, 0xa1b23c4dU})
    for (const bool swapped : {false, true}) {
      const auto frames = read(Capture(magic, 1, swapped).frame(kFrame).frame({1, 2, 3}).bytes());
      ASSERT_TRUE(frames) << frames.error().text;
      ASSERT_EQ(frames->size(), 2U);
      EXPECT_EQ(frames->at(0).bytes, kFrame);
      EXPECT_EQ(frames->at(1).bytes, (Bytes{1, 2, 3}));
    }
}

TEST_F(ReadCapture, TheNewFormatToo) {
  const Bytes file = {0x0a, 0x0d, 0x0d, 0x0a, 28,   0,  0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0,  0, 0, 0xff, 0xff, 0xff,
                      0xff, 0xff, 0xff, 0xff, 0xff, 28, 0, 0, 0,  // section
                      1,    0,    0,    0,    20,   0,  0, 0, 1,    0,    0,    0,    0, 0,  4, 0, 20,   0,    0,
                      0,  // Ethernet interface
                      6,    0,    0,    0,    36,   0,  0, 0, 0,    0,    0,    0,    0, 0,  0, 0, 0,    0,    0,
                      0,    4,    0,    0,    0,    4,  0, 0, 0,    9,    8,    7,    6, 36, 0, 0, 0};  // packet of
                                                                                                        // four bytes
  const auto frames = read(file);
  ASSERT_TRUE(frames) << frames.error().text;
  ASSERT_EQ(frames->size(), 1U);
  EXPECT_EQ(frames->at(0).bytes, (Bytes{9, 8, 7, 6}));
}

TEST_F(ReadCapture, KeepsTheBeginningOfLongFrames) {
  const auto frames = read(Capture().frame(Bytes(9000, 7)).bytes());
  ASSERT_TRUE(frames) << frames.error().text;
  EXPECT_EQ(frames->at(0).bytes, Bytes(64, 7));
}

TEST_F(ReadCapture, EveryTruncationIsAnErrorOrShorter) {
  const Bytes whole = Capture().frame(kFrame).frame(kFrame).bytes();
  const std::size_t one = 24 + 16 + kFrame.size();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto frames = read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    EXPECT_EQ(frames.has_value(), length == one) << length;
  }
  expect_error({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(one) + 20}, "after frame 1: ");
}

TEST_F(ReadCapture, HostileLengths) {
  for (const std::uint32_t length : {61U, 0x00ffffffU, 0x7fffffffU, 0x80000000U, 0xffffffffU})
    expect_error(Capture().record(length, kFrame).bytes(), "after frame 0: ");
  // What a header says of the longest frame costs no memory, and frames may be longer.
  EXPECT_TRUE(read(Capture(0xa1b2c3d4, 1, false, 0xffffffff).frame(kFrame).bytes()));
  EXPECT_TRUE(read(Capture(0xa1b2c3d4, 1, false, 0).frame(kFrame).bytes()));
}

TEST_F(ReadCapture, WhatIsNoCaptureOfEthernet) {
  expect_error({}, "no capture");
  expect_error(Bytes(100, 0), "no capture");
  expect_error(Capture(0xa1b2c3d5).frame(kFrame).bytes(), "no capture");
  expect_error(Capture().bytes(), "no frame in it");
  expect_error(Capture(0xa1b2c3d4, 113).frame(kFrame).bytes(), "LINUX_SLL");
  expect_error(Capture(0xa1b2c3d4, 12345).frame(kFrame).bytes(), "not EN10MB (Ethernet)");
}

TEST_F(ReadCapture, ThereIsALimit) {
  Capture capture;
  for (std::size_t i = 0; i < kMostFrames; ++i) capture.frame({1});
  const auto frames = read(capture.bytes());
  ASSERT_TRUE(frames) << frames.error().text;
  EXPECT_EQ(frames->size(), kMostFrames);
  expect_error(capture.frame({1}).bytes(), "more than 100000 frames");
}

TEST_F(ReadCapture, WhatCannotBeRead) {
  EXPECT_EQ(read_capture("/").error().text, "/: Is a directory");
  EXPECT_EQ(read_capture("/nonexistent").error().code, ENOENT);
}

}  // namespace
}  // namespace rxf::cli
