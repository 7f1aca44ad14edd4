// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/model/filter_change.h"
#include "loader/model/filter_set.h"
#include "loader/model/result.h"
#include "loader/netlink/links.h"

namespace rxf::daemon {

// A link as the API answers with it.
struct ApiLink {
  netlink::LinkMessage message;  // the kernel's RTM_NEWLINK, whole, without IFLA_RX_FILTER
  std::uint32_t ifindex = 0;
  std::string name;
  std::optional<FilterSet> filter;  // absent: no filter can be programmed here

  bool operator==(const ApiLink&) const = default;
};

// What the API socket asks of the daemon. Error::code and text are what the client is answered with: a positive errno
// as the patched kernel's (0 reaches it as EIO) and one sentence.
class ApiBackend {
 public:
  virtual ~ApiBackend() = default;

  // ENODEV where there is no such link.
  virtual Result<ApiLink> get(const netlink::LinkName& link, bool with_filter) = 0;
  virtual Result<std::vector<ApiLink>> all() = 0;
  // In force when it returns, with warnings, a sentence each. EOPNOTSUPP where the link is no macvlan or macvtap,
  // ENOLINK where its lower device is not attached; else the kernel's codes (docs/semantics.md, "The netlink API").
  virtual Result<std::vector<std::string>> set(const netlink::LinkName& link, const FilterChange& change) = 0;
};

}  // namespace rxf::daemon
