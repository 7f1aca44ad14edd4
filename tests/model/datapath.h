// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/grace_period.h"
#include "loader/datapath/rule_maps.h"
#include "loader/datapath/rule_writer.h"
#include "loader/model/frame.h"
#include "tests/support/packet.h"
#include "tests/support/scratch_bpffs.h"

namespace rxf::test {

// Guards in one run: indices 0 to kGuards - 1.
inline constexpr std::uint32_t kGuards = 4;

// A frame as a hook may meet it.
struct Probe {
  Bytes bytes;                      // from the destination address on; tags still in the frame are in here
  std::optional<VlanTag> metadata;  // the tag that a driver stripped
};

// The real programs on real maps, run by BPF_PROG_TEST_RUN. Needs root; throws std::runtime_error.
class Datapath {
 public:
  explicit Datapath(std::span<const std::byte> elf = datapath::embedded_object());

  datapath::RuleMaps& maps() { return *maps_; }
  // Throws on error.
  void write(const datapath::DesiredRules& desired, const std::function<Result<void>()>& wait);
  Result<void> wait() { return grace_->wait(); }

  // True: admitted.
  bool guard_admits(std::uint32_t index, const Probe& probe);
  bool early_tc_admits(const Probe& probe);
  // XDP sees the bytes alone; `judges_vlan` as the loader would set it.
  bool early_xdp_admits(const Probe& probe, bool judges_vlan);

  // The guard's descriptor, for repeated runs.
  [[nodiscard]] int guard_fd(std::uint32_t index) const { return guards_.at(index).fd; }

 private:
  struct Program {
    datapath::ObjectPtr object;
    int fd = -1;
  };
  Program load(std::span<const std::byte> elf, const char* name, const rxf_config& config);
  void load_tagger();
  bool tc_admits(std::uint32_t judge, int fd, const Probe& probe);

  ScratchBpffs bpffs_;
  std::vector<Program> guards_;
  Program early_tc_, early_xdp_, early_xdp_blind_;
  datapath::ObjectPtr tagger_;
  int tagger_fd_ = -1;
  std::optional<datapath::RuleMaps> maps_;
  std::optional<datapath::GracePeriod> grace_;
};

}  // namespace rxf::test
