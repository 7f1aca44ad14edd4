// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "loader/cli/filter_json.h"
#include "loader/cli/rates.h"
#include "loader/mirror/operations.h"

namespace rxf::cli {

// A line for each of these: it is in shadow; it is to be confirmed.
[[nodiscard]] std::string arming_text(const mirror::LowerdevStatus& status);

// What `attach` answers: the early drop and why, the uppers, the pins. A dry run has no pins to show.
[[nodiscard]] std::string attachment_text(const mirror::LowerdevStatus& status, bool dry_run);

// What `status` answers for one device: the same with counters, how fast they go where that is known, and problems.
[[nodiscard]] std::string status_text(const mirror::LowerdevStatus& status, const StatusRates* rates = nullptr);

// The record behind both. "unicast", "multicast" and "flags" of an upper are null where it takes any address, "vlans"
// where it takes any VLAN; "counters"."guard" has the uppers that are counted.
[[nodiscard]] Json to_json(const mirror::LowerdevStatus& status);

// The same with "packets_per_second" in every counter: null where `rates` is nullptr.
[[nodiscard]] Json to_watched_json(const mirror::LowerdevStatus& status, const StatusRates* rates);

}  // namespace rxf::cli
