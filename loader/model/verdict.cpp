// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/verdict.h"

namespace rxf {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::accept:
      return "accept";
    case Verdict::vlan:
      return "vlan";
    case Verdict::broadcast:
      return "broadcast";
    case Verdict::multicast:
      return "multicast";
    case Verdict::unicast:
      return "unicast";
  }
  return "unknown";
}

Verdict judge(const FilterSet& filter, const MacAddress& device_address, const Frame& frame) {
  const MacAddress& d = frame.destination;
  const std::optional<std::uint16_t> v = frame.vlan();
  const auto& half = filter.addresses;

  if (filter.vlans && frame.tags_out_of_reach) return Verdict::vlan;
  if (v && filter.vlans && !filter.vlans->contains(*v)) return Verdict::vlan;
  if (!half || half->flags.promisc) return Verdict::accept;
  if (d.is_broadcast()) return half->flags.broadcast ? Verdict::accept : Verdict::broadcast;
  if (d.is_group()) {
    const bool joined = half->flags.multicast && half->multicast.contains(d);
    return half->flags.allmulti || joined ? Verdict::accept : Verdict::multicast;
  }
  return d == device_address || half->unicast.contains(d) ? Verdict::accept : Verdict::unicast;
}

}  // namespace rxf
