// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "loader/daemon/api_client.h"
#include "loader/netlink/links.h"
#include "tools/guest/policy.h"

namespace rxf::guest {

// Who has which address of those that the guest behind `upper` may not get: each device of this network namespace, as
// its own, and the other uppers of the same lower device, in their filter sets too. Not `upper` itself, nor the lower
// device in PASSTHRU mode, which has the address of its upper.
[[nodiscard]] Owners host_addresses(const netlink::Link& upper, const std::vector<netlink::Link>& links,
                                    const std::vector<daemon::ApiLinkAnswer>& filters);

}  // namespace rxf::guest
