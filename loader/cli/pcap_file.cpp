// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/pcap_file.h"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "loader/util/fd.h"

namespace rxf::cli {
namespace {

constexpr int kLongestFrame = 262144;      // what libpcap itself takes for "all of it"
constexpr std::size_t kAddressBytes = 12;  // a tag follows them
constexpr std::size_t kTagBytes = 4;
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

struct CloseStream {
  void operator()(std::FILE* stream) const { std::fclose(stream); }
};

Result<std::unique_ptr<std::FILE, CloseStream>> open_stream(const std::string& path) {
  const int fd = path == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return system_error(errno, path);
  std::unique_ptr<std::FILE, CloseStream> stream(::fdopen(fd, "w"));
  if (stream) return stream;
  const int error = errno;
  ::close(fd);
  return system_error(error, path);
}

void put_back(const VlanTag& tag, std::vector<std::uint8_t>& frame) {
  if (frame.size() < kAddressBytes) return;
  const std::array<std::uint8_t, kTagBytes> bytes = {
      static_cast<std::uint8_t>(tag.tpid >> 8), static_cast<std::uint8_t>(tag.tpid),
      static_cast<std::uint8_t>(tag.tci >> 8), static_cast<std::uint8_t>(tag.tci)};
  frame.insert(frame.begin() + kAddressBytes, bytes.begin(), bytes.end());
}

}  // namespace

void PcapFile::Close::operator()(pcap* capture) const { ::pcap_close(capture); }
void PcapFile::Close::operator()(pcap_dumper* file) const { ::pcap_dump_close(file); }

Result<PcapFile> PcapFile::create(const std::string& path) {
  auto stream = open_stream(path);
  if (!stream) return std::unexpected(stream.error());
  PcapFile made(path);
  made.format_.reset(::pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kLongestFrame, PCAP_TSTAMP_PRECISION_NANO));
  if (!made.format_) return system_error(ENOMEM, path);
  made.file_.reset(::pcap_dump_fopen(made.format_.get(), stream->get()));
  if (!made.file_) return std::unexpected(Error{.text = path + ": " + ::pcap_geterr(made.format_.get())});
  stream->release();
  if (auto done = made.flush(); !done) return std::unexpected(done.error());
  return made;
}

void PcapFile::put(const mirror::DroppedFrame& frame, std::uint64_t time) {
  std::vector<std::uint8_t> bytes = frame.bytes;
  if (frame.metadata) put_back(*frame.metadata, bytes);
  // The precision makes tv_usec nanoseconds.
  const pcap_pkthdr header{.ts = {.tv_sec = static_cast<time_t>(time / kNanosecondsPerSecond),
                                  .tv_usec = static_cast<suseconds_t>(time % kNanosecondsPerSecond)},
                           .caplen = static_cast<bpf_u_int32>(bytes.size()),
                           .len = static_cast<bpf_u_int32>(frame.length + bytes.size() - frame.bytes.size())};
  ::pcap_dump(reinterpret_cast<u_char*>(file_.get()), &header, bytes.data());
}

Result<void> PcapFile::flush() {
  errno = 0;
  if (::pcap_dump_flush(file_.get()) == 0 && std::ferror(::pcap_dump_file(file_.get())) == 0) return {};
  return system_error(errno == 0 ? EIO : errno, path_);
}

}  // namespace rxf::cli
