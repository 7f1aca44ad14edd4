// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/older_programs.h"
#include "tests/support/must.h"

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/rule_maps.h"
#include "older.skel.h"
#include "tests/support/tc_hook.h"

namespace rxf::test {
namespace {

std::span<const std::byte> older_object() {
  std::size_t size = 0;
  const void* bytes = older::elf_bytes(&size);
  return {static_cast<const std::byte*>(bytes), size};
}

std::uint32_t replace_filter(std::uint32_t ifindex, const std::string& pins, const char* program,
                             const rxf_config& config, rxf_tc_filter& noted) {
  const auto object = must(datapath::load_object(older_object(), program, config, pins));
  const bpf_tc_hook hook = tc_hook(ifindex, BPF_TC_INGRESS);
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = noted.handle;
  options.priority = noted.priority;
  options.prog_fd = datapath::program_fd(object, program);
  options.flags = BPF_TC_F_REPLACE;
  check_libbpf(bpf_tc_attach(&hook, &options), "attach an older program");
  noted.prog_id = must(datapath::program_info(options.prog_fd)).id;
  return noted.prog_id;
}

}  // namespace

// A program is freed after a grace period.
bool OlderPrograms::all_gone() const {
  const auto gone = [&] {
    return std::ranges::none_of(ids, [](std::uint32_t id) { return datapath::program_by_id(id).has_value(); });
  };
  for (int i = 0; i < 200 && !gone(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return gone();
}

std::uint32_t replace_early_xdp(std::uint32_t ifindex, const std::string& pin_directory, std::span<const std::byte> elf,
                                const rxf_config& config) {
  auto maps = must(datapath::RuleMaps::open(pin_directory));
  auto meta = must(maps.meta());
  const auto object = must(datapath::load_object(elf, datapath::kEarlyXdpProgram, config, pin_directory));
  const int fd = datapath::program_fd(object, datapath::kEarlyXdpProgram);
  const Fd old = must(datapath::program_by_id(meta.xdp_prog_id));
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = old.get());
  const __u32 flags = meta.early_hook == RXF_HOOK_XDP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  check_libbpf(bpf_xdp_attach(static_cast<int>(ifindex), fd, flags, &options), "attach an older XDP program");
  meta.xdp_prog_id = must(datapath::program_info(fd)).id;
  must(maps.put_meta(meta));
  return meta.xdp_prog_id;
}

OlderPrograms replace_by_older(std::uint32_t ifindex, const std::string& pin_directory) {
  OlderPrograms older;
  auto maps = must(datapath::RuleMaps::open(pin_directory));
  auto meta = must(maps.meta());
  const std::uint32_t sight = datapath::device_sight();
  if (meta.early_hook == RXF_HOOK_TC) {
    older.ids.push_back(
        replace_filter(ifindex, pin_directory, datapath::kEarlyTcProgram, {.sight = sight}, meta.early));
    must(maps.put_meta(meta));
  } else {
    older.ids.push_back(replace_early_xdp(ifindex, pin_directory, older_object(),
                                          {.judge_frame_vlan = meta.judges_vlan, .sight = sight}));
  }
  for (auto [upper, entry] : must(maps.uppers())) {
    older.ids.push_back(replace_filter(upper, pin_directory, datapath::kGuardProgram,
                                       {.guard_index = entry.index, .sight = sight}, entry.guard));
    must(maps.put_upper(upper, entry));
  }
  return older;
}

}  // namespace rxf::test
