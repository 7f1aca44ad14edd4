// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/pcap_file.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/packet.h"

namespace rxf::cli {
namespace {

using mirror::DroppedFrame;
using test::Bytes;

constexpr MacAddress kDestination = {{0x02, 0xaa, 0, 0, 0, 1}};
constexpr std::uint64_t kTime = 1'700'000'001'000'000'789;

struct Read {
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  std::uint32_t length = 0;
  Bytes bytes;
};

class PcapFileTest : public testing::Test {
 protected:
  ~PcapFileTest() override { std::filesystem::remove(path_); }

  void write(const std::vector<DroppedFrame>& frames) {
    auto file = PcapFile::create(path_);
    ASSERT_TRUE(file) << file.error().text;
    for (const DroppedFrame& frame : frames) file->put(frame, kTime);
    const auto flushed = file->flush();
    EXPECT_TRUE(flushed) << flushed.error().text;
    frames_ = read();
  }

  // While it is still open.
  [[nodiscard]] std::vector<Read> read() const {
    char error[PCAP_ERRBUF_SIZE] = "";
    pcap_t* capture = ::pcap_open_offline_with_tstamp_precision(path_.c_str(), PCAP_TSTAMP_PRECISION_NANO, error);
    EXPECT_NE(capture, nullptr) << error;
    if (capture == nullptr) return {};
    EXPECT_EQ(::pcap_datalink(capture), DLT_EN10MB);
    std::vector<Read> frames;
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    int more = 0;
    while ((more = ::pcap_next_ex(capture, &header, &data)) == 1)
      frames.push_back({header->ts.tv_sec, header->ts.tv_usec, header->len, Bytes(data, data + header->caplen)});
    EXPECT_EQ(more, PCAP_ERROR_BREAK) << ::pcap_geterr(capture);
    ::pcap_close(capture);
    return frames;
  }

  std::string path_ = testing::TempDir() + "rxfilter_pcap_file_test.pcap";
  std::vector<Read> frames_;
};

DroppedFrame frame(const test::Packet& packet) {
  const Bytes bytes = test::to_bytes(packet);
  return {.length = static_cast<std::uint32_t>(bytes.size()), .bytes = bytes};
}

TEST_F(PcapFileTest, HasTheFrameAndItsTimeToTheNanosecond) {
  const DroppedFrame whole = frame({.destination = kDestination});
  ASSERT_NO_FATAL_FAILURE(write({whole}));
  ASSERT_EQ(frames_.size(), 1U);
  EXPECT_EQ(frames_[0].seconds, 1'700'000'001);
  EXPECT_EQ(frames_[0].nanoseconds, 789);
  EXPECT_EQ(frames_[0].length, whole.length);
  EXPECT_EQ(frames_[0].bytes, whole.bytes);
}

TEST_F(PcapFileTest, ATagInMetadataIsPutBack) {
  DroppedFrame tagged = frame({.destination = kDestination, .tags = {{kTpidCustomer, 7}}});
  tagged.metadata = VlanTag{.tpid = kTpidService, .tci = 0x602a};
  ASSERT_NO_FATAL_FAILURE(write({tagged}));
  ASSERT_EQ(frames_.size(), 1U);
  EXPECT_EQ(frames_[0].length, tagged.length + 4);
  const auto packet = test::parse_packet(frames_[0].bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->destination, kDestination);
  EXPECT_EQ(packet->tags, (std::vector<VlanTag>{{kTpidService, 0x602a}, {kTpidCustomer, 7}}));
  EXPECT_EQ(packet->ether_type, test::kEtherTypeExperimental);
}

TEST_F(PcapFileTest, ACutFrameKeepsItsLength) {
  DroppedFrame cut = frame({.destination = kDestination});
  cut.length = 9000;
  DroppedFrame bare;
  ASSERT_NO_FATAL_FAILURE(write({cut, bare}));
  ASSERT_EQ(frames_.size(), 2U);
  EXPECT_EQ(frames_[0].length, 9000U);
  EXPECT_EQ(frames_[0].bytes, cut.bytes);
  EXPECT_TRUE(frames_[1].bytes.empty());
}

TEST_F(PcapFileTest, ReplacesWhatIsThere) {
  ASSERT_NO_FATAL_FAILURE(write({frame({.destination = kDestination}), frame({.destination = kDestination})}));
  ASSERT_NO_FATAL_FAILURE(write({}));
  EXPECT_TRUE(frames_.empty());
}

TEST_F(PcapFileTest, ErrorsNameTheFile) {
  const auto missing = PcapFile::create("/no/such/place.pcap");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text, "/no/such/place.pcap: No such file or directory");
  // It is made in memory first, so that the error comes with the flush.
  const auto full = PcapFile::create("/dev/full");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().text, "/dev/full: No space left on device");
}

}  // namespace
}  // namespace rxf::cli
