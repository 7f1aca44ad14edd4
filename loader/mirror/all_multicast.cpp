// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/all_multicast.h"

#include <linux/if.h>

namespace rxf::mirror {
namespace {

bool is_passthru(const netlink::Link& upper) { return upper.upper_mode == UpperMode::passthru; }

bool needs_it_below(const netlink::Link& upper) { return is_passthru(upper) && upper.nopromisc; }

// Whether the flag of the lower device was switched on for another upper too, or for one that is gone.
Result<bool> others_own_it_below(const Lowerdev& device, std::uint32_t ifindex) {
  const auto values = device.maps.filters();
  if (!values) return std::unexpected(values.error());
  for (const auto& [other, value] : *values)
    if (other != ifindex && (value->owned_flags & RXF_OWNED_ALLMULTI_BELOW) != 0) return true;
  return false;
}

Result<void> own(Lowerdev& device, const netlink::Link& upper, FilterRecord& record, bool FilterRecord::*owned) {
  if (record.*owned) return {};
  record.*owned = true;
  return device.put_record(upper.ifindex, record);
}

Result<void> switch_on(Lowerdev& device, const netlink::Link& upper, FilterRecord& record,
                       const netlink::ReceiveFlag& flag, bool FilterRecord::*owned) {
  if ((upper.flags & flag.bit) != 0) return {};
  if (auto done = own(device, upper, record, owned); !done) return done;
  return netlink::set_flag(device.host.socket, upper, flag, true);
}

Result<void> switch_on_below(Lowerdev& device, const netlink::Link& upper, FilterRecord& record) {
  const netlink::Link* lower = device.host.find(device.link.ifindex);
  if (lower == nullptr) return {};
  if ((lower->flags & IFF_ALLMULTI) == 0) {
    if (auto done = own(device, upper, record, &FilterRecord::owned_allmulti_below); !done) return done;
    return netlink::set_flag(device.host.socket, *lower, netlink::kAllmulti, true);
  }
  const auto shared = others_own_it_below(device, upper.ifindex);
  if (!shared) return std::unexpected(shared.error());
  return *shared ? own(device, upper, record, &FilterRecord::owned_allmulti_below) : Result<void>{};
}

Result<void> switch_off(Lowerdev& device, const netlink::Link& upper, const netlink::ReceiveFlag& flag, bool& owned) {
  if (auto done = netlink::set_flag(device.host.socket, upper, flag, false); !done) return done;
  owned = false;
  return {};
}

// An earlier version switched it on while the upper was up, and only while it is up does macvlan give the count back.
Result<void> switch_allmulti_off(Lowerdev& device, const netlink::Link& upper, FilterRecord& record,
                                 std::vector<std::string>& notes) {
  if (!is_passthru(upper) || upper.is_up()) return switch_off(device, upper, netlink::kAllmulti, record.owned_allmulti);
  notes.push_back(upper.name +
                  " is down, so the allmulticast flag that an earlier version of rxfilter gave it cannot be taken back "
                  "without harm: with it up, run ip link set " +
                  upper.name + " allmulticast off");
  return {};
}

}  // namespace

Result<void> widen_all_multicast(Lowerdev& device, const netlink::Link& upper, FilterRecord& record) {
  if (!is_passthru(upper)) return switch_on(device, upper, record, netlink::kAllmulti, &FilterRecord::owned_allmulti);
  if (needs_it_below(upper))
    if (auto done = switch_on_below(device, upper, record); !done) return done;
  return switch_on(device, upper, record, netlink::kPromisc, &FilterRecord::owned_promisc);
}

Result<void> narrow_all_multicast(Lowerdev& device, const netlink::Link& upper, FilterRecord& record, bool wanted,
                                  std::vector<std::string>& notes) {
  if (record.owned_allmulti && !(wanted && !is_passthru(upper)))
    if (auto done = switch_allmulti_off(device, upper, record, notes); !done) return done;
  if (record.owned_promisc && !(wanted && is_passthru(upper)))
    if (auto done = switch_off(device, upper, netlink::kPromisc, record.owned_promisc); !done) return done;
  if (wanted && needs_it_below(upper)) return {};
  return release_all_multicast_below(device, upper.ifindex, record);
}

Result<void> release_all_multicast_below(Lowerdev& device, std::uint32_t ifindex, FilterRecord& record) {
  if (!record.owned_allmulti_below) return {};
  const auto shared = others_own_it_below(device, ifindex);
  if (!shared) return std::unexpected(shared.error());
  const netlink::Link* lower = device.host.find(device.link.ifindex);
  if (!*shared && lower != nullptr) return switch_off(device, *lower, netlink::kAllmulti, record.owned_allmulti_below);
  record.owned_allmulti_below = false;
  return {};
}

}  // namespace rxf::mirror
