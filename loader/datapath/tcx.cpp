// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/tcx.h"

#include <bpf/bpf.h>

#include <cerrno>

namespace rxf::datapath {
namespace {

// BPF_TCX_INGRESS and BPF_TCX_EGRESS, which older headers lack.
constexpr int kTcxIngress = 46;
constexpr int kTcxEgress = 47;
constexpr std::size_t kMostPrograms = 64;  // BPF_MPROG_MAX of the kernel

}  // namespace

Result<std::vector<std::uint32_t>> tcx_programs(std::uint32_t ifindex, TcHook hook) {
  std::vector<std::uint32_t> ids(kMostPrograms);
  LIBBPF_OPTS(bpf_prog_query_opts, options, .prog_ids = ids.data(), .prog_cnt = static_cast<__u32>(ids.size()));
  const auto type = static_cast<bpf_attach_type>(hook == TcHook::ingress ? kTcxIngress : kTcxEgress);
  const int error = bpf_prog_query_opts(static_cast<int>(ifindex), type, &options);
  // No such hook in this kernel; nothing on it; no such device any more.
  if (error == -EINVAL || error == -ENOENT || error == -ENODEV) return std::vector<std::uint32_t>{};
  if (error != 0) return system_error(error, "query the tcx programs");
  ids.resize(options.prog_cnt);
  return ids;
}

}  // namespace rxf::datapath
