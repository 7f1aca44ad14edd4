// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "loader/mirror/dropped_frame.h"
#include "loader/model/result.h"

struct pcap;
struct pcap_dumper;

namespace rxf::cli {

// A capture file of Ethernet frames, times in nanoseconds, that is written frame by frame.
class PcapFile {
 public:
  // Replaces what is there; "-" is standard output. The error begins with `path`.
  static Result<PcapFile> create(const std::string& path);

  // `time`: nanoseconds since 1970. A tag in metadata is where it was on the wire.
  void put(const mirror::DroppedFrame& frame, std::uint64_t time);

  // Error where what was put could not be written.
  Result<void> flush();

 private:
  struct Close {
    void operator()(pcap* capture) const;
    void operator()(pcap_dumper* file) const;
  };

  explicit PcapFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::unique_ptr<pcap, Close> format_;
  std::unique_ptr<pcap_dumper, Close> file_;
};

}  // namespace rxf::cli
