// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>

#include "loader/daemon/api_backend.h"
#include "loader/mirror/operations.h"

namespace rxf::daemon {

// What the API socket asks for, done by the same functions as the command line's. Answers come when the maps are in
// force.
class MirrorBackend : public ApiBackend {
 public:
  explicit MirrorBackend(mirror::Context context) : context_(std::move(context)) {}

  Result<ApiLink> get(const netlink::LinkName& link, bool with_filter) override;
  Result<std::vector<ApiLink>> all() override;
  Result<std::vector<std::string>> set(const netlink::LinkName& link, const FilterChange& change) override;

  // After a set that nobody else tells of: on a stock kernel, and where the kernel does not keep the filter set.
  std::function<void(const ApiLink&)> on_set;

 private:
  mirror::Context context_;
};

}  // namespace rxf::daemon
