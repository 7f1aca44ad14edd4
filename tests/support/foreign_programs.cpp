// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/foreign_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

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

namespace {

std::uint32_t program_id(const bpf_program* program) {
  bpf_prog_info info{};
  __u32 length = sizeof info;
  check_libbpf(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length), "ask for a foreign program");
  return info.id;
}

bpf_tc_attach_point point_of(ForeignOk::Hook hook) {
  return hook == ForeignOk::Hook::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

// BPF_TCX_INGRESS and BPF_TCX_EGRESS, which older headers and libraries lack.
Fd link_to_tcx(int program, std::uint32_t ifindex, ForeignOk::Hook hook) {
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<__u32>(program);
  attributes.link_create.target_ifindex = ifindex;
  attributes.link_create.attach_type = hook == ForeignOk::Hook::ingress ? 46 : 47;
  return Fd(static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes)));
}

}  // namespace

ForeignOk::ForeignOk(std::uint32_t ifindex, Hook hook, std::uint32_t priority)
    : skeleton_(load()), ifindex_(ifindex), hook_(hook), priority_(priority) {
  bpf_tc_hook place = tc_hook(ifindex, point_of(hook));
  make_clsact(place);
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = 1;
  options.priority = priority;
  options.prog_fd = bpf_program__fd(skeleton_->progs.foreign_ok);
  check_libbpf(bpf_tc_attach(&place, &options), "attach foreign_ok");
}

ForeignOk::ForeignOk(std::uint32_t ifindex, Hook hook) : skeleton_(load()), ifindex_(ifindex), hook_(hook) {
  link_ = link_to_tcx(bpf_program__fd(skeleton_->progs.foreign_ok), ifindex, hook);
  if (!link_) throw std::system_error(errno, std::generic_category(), "attach foreign_ok to tcx");
}

ForeignOk::~ForeignOk() {
  if (priority_ == 0) return;
  const bpf_tc_hook place = tc_hook(ifindex_, point_of(hook_));
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = 1;
  options.priority = priority_;
  bpf_tc_detach(&place, &options);
}

// A device that there is none of is told from an unknown hook.
bool ForeignOk::has_tcx() {
  const std::unique_ptr<foreign, DestroyForeign> skeleton(load());
  return !link_to_tcx(bpf_program__fd(skeleton->progs.foreign_ok), 0x7fffffff, Hook::ingress) && errno == ENODEV;
}

std::uint32_t ForeignOk::id() const { return program_id(skeleton_->progs.foreign_ok); }

std::uint64_t ForeignFilter::frames() const { return __atomic_load_n(&skeleton_->bss->frames, __ATOMIC_RELAXED); }

ForeignXdp::ForeignXdp(std::uint32_t ifindex, Mode mode) : skeleton_(load()) {
  const __u32 flags = mode == Mode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  check_libbpf(bpf_xdp_attach(static_cast<int>(ifindex), bpf_program__fd(skeleton_->progs.foreign_xdp), flags, nullptr),
               "attach foreign_xdp");
}

std::uint32_t ForeignXdp::id() const { return program_id(skeleton_->progs.foreign_xdp); }

}  // namespace rxf::test
