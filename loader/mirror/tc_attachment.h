// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>

#include "loader/datapath/tc_filter.h"
#include "loader/mirror/lowerdev.h"

namespace rxf::mirror {

// One program of ours on a tc hook of the lower device or of an upper, noted in a map before it is attached and until
// after it is detached, so that an interrupted command leaves none unknown.
struct TcAttachment {
  netlink::Link link;
  datapath::TcHook hook;
  const char* program;
  rxf_config config;                   // the loader's part; sight is filled in
  std::function<Result<void>()> note;  // writes `noted` where it belongs
  rxf_tc_filter& noted;                // outlives this
};

// Whether the program that is noted is at that place, on this device's maps.
Result<bool> is_attached(const Lowerdev& device, const datapath::TcPlace& place, const rxf_tc_filter& noted);

// With `refresh` a program that runs other instructions than this binary carries is replaced in place. Returns whether
// anything was attached; a note says so where it was noted and somebody had removed or replaced it.
Result<bool> ensure_attached(Lowerdev& device, TcAttachment attachment, bool refresh, std::vector<std::string>& notes);

// Also what an interrupted command attached without having noted where; clsact goes if it is ours and empty.
Result<void> ensure_detached(Lowerdev& device, TcAttachment attachment);

}  // namespace rxf::mirror
