// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/foreign_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <system_error>

#include "foreign.skel.h"
#include "tests/support/tc_hook.h"

namespace rxf::test {
namespace {

foreign* load() {
  foreign* skeleton = foreign__open_and_load();
  if (skeleton == nullptr) throw std::system_error(errno, std::generic_category(), "load foreign programs");
  return skeleton;
}

}  // namespace

void DestroyForeign::operator()(foreign* skeleton) const { foreign__destroy(skeleton); }

ForeignFilter::ForeignFilter(std::uint32_t ifindex, std::uint32_t priority) : skeleton_(load()) {
  bpf_tc_hook hook = tc_hook(ifindex, BPF_TC_INGRESS);
  make_clsact(hook);

  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = 1;
  options.priority = priority;
  options.prog_fd = bpf_program__fd(skeleton_->progs.foreign_tc);
  check_libbpf(bpf_tc_attach(&hook, &options), "attach foreign_tc");
}

std::uint64_t ForeignFilter::frames() const { return __atomic_load_n(&skeleton_->bss->frames, __ATOMIC_RELAXED); }

ForeignXdp::ForeignXdp(std::uint32_t ifindex, Mode mode) : skeleton_(load()) {
  const __u32 flags = mode == Mode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  check_libbpf(bpf_xdp_attach(static_cast<int>(ifindex), bpf_program__fd(skeleton_->progs.foreign_xdp), flags, nullptr),
               "attach foreign_xdp");
}

std::uint32_t ForeignXdp::id() const {
  bpf_prog_info info{};
  __u32 length = sizeof info;
  check_libbpf(bpf_obj_get_info_by_fd(bpf_program__fd(skeleton_->progs.foreign_xdp), &info, &length),
               "ask for foreign_xdp");
  return info.id;
}

}  // namespace rxf::test
