// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/host_addresses.h"

#include <set>

namespace rxf::guest {
namespace {

bool is_own_lower(const netlink::Link& upper, const netlink::Link& other) {
  return upper.upper_mode == UpperMode::passthru && upper.lower == other.ifindex;
}

std::set<std::uint32_t> siblings(const netlink::Link& upper, const std::vector<netlink::Link>& links) {
  std::set<std::uint32_t> found;
  if (!upper.lower) return found;
  for (const netlink::Link& link : links)
    if (link.is_upper() && link.lower == upper.lower && link.ifindex != upper.ifindex) found.insert(link.ifindex);
  return found;
}

}  // namespace

Owners host_addresses(const netlink::Link& upper, const std::vector<netlink::Link>& links,
                      const std::vector<daemon::ApiLinkAnswer>& filters) {
  Owners owners;
  for (const netlink::Link& link : links)
    if (link.ethernet && !link.address.is_zero() && link.ifindex != upper.ifindex && !is_own_lower(upper, link))
      owners.try_emplace(link.address, link.name);
  const std::set<std::uint32_t> others = siblings(upper, links);
  for (const daemon::ApiLinkAnswer& link : filters)
    if (others.contains(link.ifindex) && link.filter && link.filter->addresses)
      for (const MacAddress& address : link.filter->addresses->unicast) owners.try_emplace(address, link.name);
  return owners;
}

}  // namespace rxf::guest
