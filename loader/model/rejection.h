// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <span>
#include <string>

#include "loader/model/frame.h"
#include "loader/model/snapshot.h"
#include "loader/model/verdict.h"

namespace rxf {

// Whether the address half of the upper's filter set takes this address, in words: "has this address", "takes all
// multicast"; empty where it does not.
[[nodiscard]] std::string claim_text(const Upper& upper, const MacAddress& destination);

// Why a guard drops a frame for `reason`, as the filter set tells. These two explain and decide nothing: the verdict is
// the program's.
[[nodiscard]] std::string guard_rejection(const Upper& upper, const Frame& frame, Verdict reason);

// Why the early drop drops it, given every upper. An upper that would take it on another VLAN is named: `named` says
// so.
struct Rejection {
  std::string text;
  bool named = false;
};
[[nodiscard]] Rejection early_rejection(std::span<const Upper> uppers, const Frame& frame, Verdict reason);

}  // namespace rxf
