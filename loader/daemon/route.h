// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

#include "loader/mirror/operations.h"

// Filter sets by the first way there is: the daemon on the API socket, the kernel where it keeps them, our own maps
// from here. All end in the same state.
namespace rxf::daemon {

enum class Route { daemon, kernel, in_process };

// "the daemon", "the kernel", "in-process"
[[nodiscard]] std::string_view to_string(Route route);

struct SetAnswer {
  FilterSet filter;  // as programmed now
  mirror::Report report;
  Route route = Route::in_process;
};

struct GetAnswer {
  FilterSet filter;
  Route route = Route::in_process;
};

// Errors as mirror::set(), get() and clear(), whoever says so. `api` is the path of a socket where nobody need listen;
// one that may not be used is an error only of those who have no other way.
Result<SetAnswer> set(const mirror::Context& context, const std::string& api, const std::string& upper,
                      const FilterEdit& edit);
Result<GetAnswer> get(const mirror::Context& context, const std::string& api, const std::string& upper);
Result<SetAnswer> clear(const mirror::Context& context, const std::string& api, const std::string& upper);

}  // namespace rxf::daemon
