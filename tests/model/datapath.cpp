// SPDX-License-Identifier: GPL-2.0-only
#include "tests/model/datapath.h"

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include <cerrno>
#include <stdexcept>
#include <string>

#include "tag_and_call.skel.h"
#include "tests/support/metadata_mark.h"
#include "tests/support/must.h"

namespace rxf::test {
namespace {

std::uint32_t run(int fd, const Bytes& bytes, void* context, std::uint32_t context_size) {
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes.data(), .data_size_in = static_cast<__u32>(bytes.size()),
              .ctx_in = context, .ctx_size_in = context_size, .repeat = 1);
  if (bpf_prog_test_run_opts(fd, &options) != 0)
    throw std::runtime_error("BPF_PROG_TEST_RUN: errno " + std::to_string(errno));
  return options.retval;
}

bool admitted_by_tc(std::uint32_t action) {
  if (action == static_cast<std::uint32_t>(TC_ACT_UNSPEC)) return true;
  if (action == TC_ACT_SHOT) return false;
  throw std::runtime_error("tc program returned " + std::to_string(action));
}

}  // namespace

Datapath::Datapath(std::span<const std::byte> elf) {
  for (std::uint32_t index = 0; index < kGuards; ++index)
    guards_.push_back(load(elf, datapath::kGuardProgram, {.guard_index = index}));
  early_tc_ = load(elf, datapath::kEarlyTcProgram, {});
  early_xdp_ = load(elf, datapath::kEarlyXdpProgram, {.judge_frame_vlan = 1});
  early_xdp_blind_ = load(elf, datapath::kEarlyXdpProgram, {});
  load_tagger();
  maps_ = must(datapath::RuleMaps::of(early_tc_.object.get()));
  grace_ = must(datapath::GracePeriod::create());
}

Datapath::Program Datapath::load(std::span<const std::byte> elf, const char* name, const rxf_config& config) {
  Program program{.object = must(datapath::load_object(elf, name, config, bpffs_.path()))};
  program.fd = datapath::program_fd(program.object, name);
  return program;
}

void Datapath::load_tagger() {
  std::size_t size = 0;
  const void* elf = tag_and_call::elf_bytes(&size);
  tagger_.reset(bpf_object__open_mem(elf, size, nullptr));
  if (!tagger_ || bpf_object__load(tagger_.get()) != 0) throw std::runtime_error("load tag_and_call.bpf.o");
  tagger_fd_ = bpf_program__fd(bpf_object__find_program_by_name(tagger_.get(), "tag_and_call"));
  const int judges = bpf_object__find_map_fd_by_name(tagger_.get(), "judges");
  for (std::uint32_t index = 0; index <= kGuards; ++index) {
    const int fd = index < kGuards ? guards_[index].fd : early_tc_.fd;
    if (bpf_map_update_elem(judges, &index, &fd, BPF_ANY) != 0) throw std::runtime_error("fill the program array");
  }
}

void Datapath::write(const datapath::DesiredRules& desired, const std::function<Result<void>()>& wait) {
  must(datapath::write_rules(*maps_, desired, wait));
}

bool Datapath::tc_admits(std::uint32_t judge, int fd, const Probe& probe) {
  if (!probe.metadata) return admitted_by_tc(run(fd, probe.bytes, nullptr, 0));
  __sk_buff context{};
  context.mark = RXF_MARK_PUSH | (probe.metadata->tpid == kTpidService ? RXF_MARK_SERVICE : 0) | probe.metadata->tci;
  context.cb[0] = judge;
  return admitted_by_tc(run(tagger_fd_, probe.bytes, &context, sizeof(context)));
}

bool Datapath::guard_admits(std::uint32_t index, const Probe& probe) {
  return tc_admits(index, guards_.at(index).fd, probe);
}

bool Datapath::early_tc_admits(const Probe& probe) { return tc_admits(kGuards, early_tc_.fd, probe); }

bool Datapath::early_xdp_admits(const Probe& probe, bool judges_vlan) {
  const auto action = run(judges_vlan ? early_xdp_.fd : early_xdp_blind_.fd, probe.bytes, nullptr, 0);
  if (action == XDP_PASS) return true;
  if (action == XDP_DROP) return false;
  throw std::runtime_error("XDP program returned " + std::to_string(action));
}

}  // namespace rxf::test
