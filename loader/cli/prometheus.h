// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/mirror/operations.h"

namespace rxf::cli {

// What is in force and counted, in Prometheus's text exposition format, for the textfile collector of node_exporter:
//   rxfilter_dropped_packets_total{device="eth2",hook="guard",upper="macvtap0",reason="vlan"} 3
// A metric without a sample has no lines. Bytes of names that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string prometheus_text(const std::vector<mirror::LowerdevStatus>& devices);

}  // namespace rxf::cli
