// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/grace_period.h"

#include <bpf/bpf.h>

#include <cerrno>

namespace rxf::datapath {

Result<GracePeriod> GracePeriod::create() {
  Fd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "rxf_grace_inner", 4, 4, 1, nullptr));
  if (!inner) return system_error(errno, "create a BPF map (CAP_BPF and CAP_NET_ADMIN are needed)");
  LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<__u32>(inner.get()));
  Fd outer(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "rxf_grace", 4, 4, 1, &options));
  if (!outer) return system_error(errno, "create a BPF map of maps");
  return GracePeriod(std::move(outer), std::move(inner));
}

Result<void> GracePeriod::wait() {
  const __u32 key = 0;
  const int value = inner_.get();
  if (bpf_map_update_elem(outer_.get(), &key, &value, BPF_ANY) != 0)
    return system_error(errno, "wait for a grace period");
  return {};
}

}  // namespace rxf::datapath
