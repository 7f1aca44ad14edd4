// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <bpf/bpf.h>

#include <string>

#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::datapath {

struct PinnedMap {
  Fd fd;
  bpf_map_info info{};
};

// Error ENOENT where nothing is pinned there.
Result<PinnedMap> open_pinned(const std::string& path);

}  // namespace rxf::datapath
