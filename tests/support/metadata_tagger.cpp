// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/metadata_tagger.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <system_error>

#include "metadata_tag.skel.h"
#include "tests/support/scratch_namespace.h"
#include "tests/support/tc_hook.h"

namespace rxf::test {
namespace {

constexpr std::uint32_t kHandle = 1;
constexpr std::uint32_t kPriority = 0x7a9;  // any that nobody else takes

bpf_tc_opts own_filter() {
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = kHandle;
  options.priority = kPriority;
  return options;
}

}  // namespace

void MetadataTagger::Destroy::operator()(metadata_tag* skeleton) const { metadata_tag__destroy(skeleton); }

MetadataTagger::MetadataTagger(std::uint32_t ifindex)
    : ifindex_(ifindex), netns_(current_netns()), skeleton_(metadata_tag__open_and_load()) {
  if (!skeleton_) throw std::system_error(errno, std::generic_category(), "load metadata_tag");

  bpf_tc_hook hook = tc_hook(ifindex_, BPF_TC_EGRESS);
  make_clsact(hook);
  bpf_tc_opts options = own_filter();
  options.prog_fd = bpf_program__fd(skeleton_->progs.metadata_tag);
  check_libbpf(bpf_tc_attach(&hook, &options), "attach metadata_tag");
}

// A device that is gone took its filter along.
MetadataTagger::~MetadataTagger() {
  const NamespaceSwitch there(netns_.get());
  const bpf_tc_hook hook = tc_hook(ifindex_, BPF_TC_EGRESS);
  const bpf_tc_opts options = own_filter();
  const libbpf_print_fn_t printer = libbpf_set_print(nullptr);
  bpf_tc_detach(&hook, &options);
  libbpf_set_print(printer);
}

}  // namespace rxf::test
