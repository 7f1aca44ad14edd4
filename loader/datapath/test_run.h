// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "bpf/rx_filter_abi.h"
#include "loader/datapath/bpf_object.h"
#include "loader/model/frame.h"
#include "loader/model/result.h"

namespace rxf::datapath {

// A frame shorter than this is passed unjudged, and cannot be given to a program by hand.
inline constexpr std::size_t kShortestFrame = 14;

// A frame as it meets a hook.
struct TestFrame {
  std::span<const std::uint8_t> bytes;  // from the destination address on; kShortestFrame or more
  std::optional<VlanTag> metadata;      // the tag that a driver stripped; XDP does not see it
};

// A second instance of one of the programs that are attached, which judges by the same rules and the same device but is
// attached nowhere and has counters of its own: to ask it changes nothing.
class TestRun {
 public:
  // `config` as the attached one has it. Error ESTALE where `attached`, a program id, runs other instructions.
  static Result<TestRun> load(const char* program, rxf_config config, const std::string& pin_directory,
                              std::uint32_t attached);

  struct Answer {
    rxf_ruling ruling{};       // of kSteerProgram only why it does not take the frame
    std::uint32_t action = 0;  // XDP_* or TC_ACT_*: what the kernel would do now
  };
  // `ifindex` is the device with the hook, in the calling thread's network namespace.
  Result<Answer> ask(std::uint32_t ifindex, const TestFrame& frame);

 private:
  TestRun() = default;
  Result<void> load_stripper();
  Result<std::uint32_t> run_tc(std::uint32_t ifindex, const TestFrame& frame);

  ObjectPtr object_;
  int fd_ = -1;
  int trace_fd_ = -1;  // .bss
  bool xdp_ = false;
  ObjectPtr stripper_;  // once a frame had its tag in metadata
};

}  // namespace rxf::datapath
