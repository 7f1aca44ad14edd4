// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace rxf::test {

// Everything that rxfilter-loader could change in the calling thread's network namespace, and the files under a bpffs,
// as text: links with flags, counts and XDP programs, multicast and forwarding lists, qdiscs and filters. Two of them
// are equal where nothing was changed, or all of it put back.
std::string host_state(const std::string& bpffs);

}  // namespace rxf::test
