// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "loader/model/filter_set.h"

namespace rxf::cli {

// Keeps the keys in the order they were put in.
using Json = nlohmann::ordered_json;

// What `get -j` prints and `set --from` takes:
//   {"flags":["broadcast","multicast"],"unicast":["02:aa:bb:cc:dd:01"],"multicast":[],"vlans":"42,100-109"}
// Without an address half there is none of the first three, without a VLAN half no "vlans"; unfiltered is {}.
[[nodiscard]] Json to_json(const FilterSet& filter);

// The reverse. An address half is there as soon as one of its three keys is; then "flags" is required and a missing
// list is empty. The set is validated. Each usage error is one short line that begins with `source` and names the line
// and column, or the key and item: not JSON, not UTF-8, cut short, more than one value, an unknown or repeated key, a
// value of the wrong type. Nested values are refused where they begin, so depth costs nothing.
Result<FilterSet> parse_filter_json(std::string_view text, const std::string& source);

// The filter set in a file of at most 1 MiB; "-" is standard input.
Result<FilterSet> read_filter_file(const std::string& path);

}  // namespace rxf::cli
