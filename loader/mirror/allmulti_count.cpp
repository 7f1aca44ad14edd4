// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/allmulti_count.h"

#include <linux/if.h>

#include <algorithm>
#include <optional>

#include "loader/mirror/kernel_filters.h"
#include "loader/netlink/all_multicast_holders.h"

namespace rxf::mirror {
namespace {

// A device on top of it passes its own on while it is up; a PASSTHRU upper that goes down does not take it back. The
// kernel's count tells of those who ask for it with other means than the flag.
bool holds_one(const netlink::Link& above) {
  const bool asks = (above.flags & IFF_ALLMULTI) != 0 || above.allmulti.value_or(0) != 0;
  return asks && (above.is_up() || above.upper_mode == UpperMode::passthru);
}

// Nullopt where the kernel does not tell of packet sockets: then any count may be theirs.
std::optional<std::size_t> explained(const Lowerdev& device, const netlink::Link& lower) {
  const auto sockets = netlink::all_multicast_sockets(lower);
  if (!sockets) return std::nullopt;
  std::size_t count = (lower.flags & IFF_ALLMULTI) != 0 ? 1 : 0;
  for (const netlink::Link& link : device.host.links)
    if (link.lower == lower.ifindex && !link.lower_elsewhere && holds_one(link)) ++count;
  return count + *sockets + netlink::multicast_routing_interfaces(lower);
}

// Beside others the early drop leaves multicast alone, and a kernel with the series counts in its own way.
const UpperStatus* upper_that_suffers(const Lowerdev& device, const LowerdevStatus& status) {
  if (status.early == EarlyHook::none) return nullptr;
  const auto found = std::ranges::find_if(status.uppers, [&](const UpperStatus& upper) {
    const netlink::Link* link = device.host.find(upper.ifindex);
    return upper.mode == UpperMode::passthru && !upper.filter.unfiltered() && link != nullptr && !kept_by_kernel(*link);
  });
  return found == status.uppers.end() ? nullptr : &*found;
}

std::string problem_of(const std::string& lower, const std::string& upper, std::size_t count, std::size_t seen) {
  const std::string set = "ip link set " + upper;
  return lower + "'s allmulti count is " + std::to_string(count) + ", and what can be seen holds " +
         std::to_string(seen) +
         " of it: until that is over multicast is not dropped early. Either somebody holds the " +
         "rest who cannot be seen from here, as a device in another network namespace, or it was left behind by a " +
         "PASSTHRU macvlan that was deleted with allmulticast on; each of the latter is taken back by " + set +
         " down; " + set + " allmulticast on; " + set + " up; " + set + " allmulticast off";
}

}  // namespace

void find_unexplained_allmulti(const Lowerdev& device, LowerdevStatus& status) {
  const UpperStatus* upper = upper_that_suffers(device, status);
  const netlink::Link* lower = device.host.find(device.link.ifindex);
  if (upper == nullptr || lower == nullptr) return;
  const std::size_t count = lower->allmulti.value_or(0);
  const bool ran_below_zero = count >= 1U << 31;
  if (count == 0 || ran_below_zero) return;
  const auto seen = explained(device, *lower);
  if (seen && count > *seen) status.problems.push_back(problem_of(lower->name, upper->name, count, *seen));
}

}  // namespace rxf::mirror
