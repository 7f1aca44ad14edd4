// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/pinned_map.h"

#include <cerrno>

namespace rxf::datapath {

Result<PinnedMap> open_pinned(const std::string& path) {
  PinnedMap map{.fd = Fd(bpf_obj_get(path.c_str()))};
  if (!map.fd) return system_error(errno, "open " + path);
  __u32 length = sizeof(map.info);
  if (bpf_obj_get_info_by_fd(map.fd.get(), &map.info, &length) != 0) return system_error(errno, path);
  return map;
}

}  // namespace rxf::datapath
