// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/dispatched_xdp.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <xdp/libxdp.h>

#include <cerrno>
#include <system_error>

#include "dispatched.skel.h"
#include "tests/support/tc_hook.h"

namespace rxf::test {

void DispatchedXdp::Destroy::operator()(dispatched* skeleton) const { dispatched__destroy(skeleton); }
void DispatchedXdp::Destroy::operator()(xdp_program* program) const { xdp_program__close(program); }

DispatchedXdp::DispatchedXdp(std::uint32_t ifindex, unsigned priority)
    : ifindex_(ifindex), skeleton_(dispatched__open()) {
  if (!skeleton_) throw std::system_error(errno, std::generic_category(), "open dispatched_xdp");
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = skeleton_->obj, .prog_name = "dispatched_xdp");
  xdp_program* program = xdp_program__create(&options);
  check_libbpf(static_cast<int>(libxdp_get_error(program)), "make an XDP program of dispatched_xdp");
  program_.reset(program);
  check_libbpf(xdp_program__set_run_prio(program, priority), "set the priority of dispatched_xdp");
  check_libbpf(xdp_program__set_chain_call_enabled(program, XDP_PASS, true), "set the action of dispatched_xdp");
  check_libbpf(xdp_program__attach(program, static_cast<int>(ifindex), XDP_MODE_NATIVE, 0), "attach dispatched_xdp");
  attached_ = true;
}

DispatchedXdp::~DispatchedXdp() {
  if (attached_) xdp_program__detach(program_.get(), static_cast<int>(ifindex_), XDP_MODE_NATIVE, 0);
}

void DispatchedXdp::detach() {
  attached_ = false;
  check_libbpf(xdp_program__detach(program_.get(), static_cast<int>(ifindex_), XDP_MODE_NATIVE, 0),
               "detach dispatched_xdp");
}

// libxdp loads it, so the skeleton's own view of .bss is the initial one.
std::uint64_t DispatchedXdp::frames() const {
  const std::uint32_t key = 0;
  std::uint64_t frames = 0;
  static_assert(sizeof frames == sizeof *skeleton_->bss);
  check_libbpf(bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.bss), &key, &frames), "read the count of frames");
  return frames;
}

}  // namespace rxf::test
