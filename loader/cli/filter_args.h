// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string>

#include "loader/model/filter_set.h"

namespace rxf::cli {

// The filter options of `set` as they were typed; absent where not given.
struct FilterArguments {
  std::optional<std::string> unicast;    // MAC,… | +MAC,-MAC,… | none
  std::optional<std::string> multicast;  // MAC,… | +MAC,-MAC,… | none | all
  std::optional<std::string> vlan;       // 10,20-29 | +10,-20-29 | none | all
  std::optional<std::string> flags;      // FLAG,… | +FLAG,-FLAG,… | none

  [[nodiscard]] bool empty() const { return !unicast && !multicast && !vlan && !flags; }
};

// Usage errors begin with the option and quote the item. They are: an empty item; plain items beside signed ones;
// `none` or `all` beside others; what the item's own parser refuses; an address that does not belong into its list.
// What the parts together mean is edited()'s to check.
Result<FilterEdit> parse_filter_arguments(const FilterArguments& arguments);

// One item of a list, here or in a file: longer texts than any address are refused without being quoted whole.
Result<MacAddress> parse_unicast_item(std::string_view item);
Result<MacAddress> parse_multicast_item(std::string_view item);

// Sets the member of `flags` called `name`; usage error with the known names.
Result<void> add_flag_item(std::string_view name, FilterFlags& flags);

}  // namespace rxf::cli
