// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/tc_hook.h"

#include <cerrno>
#include <system_error>

namespace rxf::test {

bpf_tc_hook tc_hook(std::uint32_t ifindex, bpf_tc_attach_point point) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = point;
  return hook;
}

// libbpf prints the kernel's refusal of a second clsact, which is no trouble here.
void make_clsact(bpf_tc_hook& hook) {
  const libbpf_print_fn_t printer = libbpf_set_print(nullptr);
  const int error = bpf_tc_hook_create(&hook);
  libbpf_set_print(printer);
  if (error != -EEXIST) check_libbpf(error, "make a clsact");
}

void check_libbpf(int error, const char* what) {
  if (error != 0) throw std::system_error(-error, std::generic_category(), what);
}

}  // namespace rxf::test
