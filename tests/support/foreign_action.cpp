// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/foreign_action.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <system_error>

#include "foreign_action.skel.h"
#include "tests/support/tc_hook.h"

namespace rxf::test {
namespace {

constexpr std::uint32_t kHandle = 1;

bpf_tc_opts filter_at(std::uint32_t priority) {
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = kHandle;
  options.priority = priority;
  return options;
}

}  // namespace

void ForeignActions::Destroy::operator()(foreign_action* skeleton) const { foreign_action__destroy(skeleton); }

ForeignActions::ForeignActions() : skeleton_(foreign_action__open_and_load()) {
  if (!skeleton_) throw std::system_error(errno, std::generic_category(), "load foreign_action");
}

void ForeignActions::add(std::uint32_t ifindex, std::uint32_t priority, Action action) {
  bpf_tc_hook hook = tc_hook(ifindex, BPF_TC_INGRESS);
  make_clsact(hook);
  bpf_tc_opts options = filter_at(priority);
  options.prog_fd =
      bpf_program__fd(action == Action::ends ? skeleton_->progs.foreign_ends : skeleton_->progs.foreign_continues);
  check_libbpf(bpf_tc_attach(&hook, &options), "attach a foreign filter");
}

void ForeignActions::remove(std::uint32_t ifindex, std::uint32_t priority) {
  const bpf_tc_hook hook = tc_hook(ifindex, BPF_TC_INGRESS);
  const bpf_tc_opts options = filter_at(priority);
  const libbpf_print_fn_t printer = libbpf_set_print(nullptr);
  bpf_tc_detach(&hook, &options);
  libbpf_set_print(printer);
}

}  // namespace rxf::test
