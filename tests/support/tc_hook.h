// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>

namespace rxf::test {

// A clsact hook of a device in the calling thread's network namespace; makes nothing.
[[nodiscard]] bpf_tc_hook tc_hook(std::uint32_t ifindex, bpf_tc_attach_point point);

// Makes the hook's clsact where it is missing. Throws std::system_error.
void make_clsact(bpf_tc_hook& hook);

// Throws std::system_error for a negative errno of libbpf; 0 is none.
void check_libbpf(int error, const char* what);

}  // namespace rxf::test
