// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/rejection.h"

namespace rxf {
namespace {

constexpr std::size_t kUppersNamed = 3;

// "on VLANs 42,100-109 only"
std::string vlans_text(const Upper& upper) {
  if (!upper.filter.vlans) return "on any VLAN";
  if (upper.filter.vlans->empty()) return "on no VLAN";
  return (upper.filter.vlans->size() == 1 ? "on VLAN " : "on VLANs ") + to_string(*upper.filter.vlans) + " only";
}

bool takes_vlan(const Upper& upper, std::uint16_t vid) {
  return !upper.filter.vlans || upper.filter.vlans->contains(vid);
}

std::string vlan_rejection(const Upper& upper, const MacAddress& destination) {
  const std::string claim = claim_text(upper, destination);
  return upper.name + " " + (claim.empty() ? "is " : claim + ", but ") + vlans_text(upper);
}

}  // namespace

std::string claim_text(const Upper& upper, const MacAddress& destination) {
  const auto& addresses = upper.filter.addresses;
  if (!addresses || addresses->flags.promisc) return "takes any address";
  if (destination.is_broadcast()) return addresses->flags.broadcast ? "takes broadcast" : "";
  if (!destination.is_group())
    return destination == upper.address || addresses->unicast.contains(destination) ? "has this address" : "";
  if (addresses->flags.allmulti) return "takes all multicast";
  return addresses->multicast.contains(destination) ? "has joined this group" : "";
}

std::string guard_rejection(const Upper& upper, const Frame& frame, Verdict reason) {
  switch (reason) {
    case Verdict::vlan:
      return vlan_rejection(upper, frame.destination);
    case Verdict::broadcast:
      return "the broadcast flag of " + upper.name + " is off";
    case Verdict::multicast:
      if (upper.filter.addresses && !upper.filter.addresses->flags.multicast)
        return "the multicast flag of " + upper.name + " is off";
      return upper.name + " has not joined " + to_string(frame.destination);
    case Verdict::unicast:
      return upper.name + " does not have this address";
    case Verdict::accept:
      break;
  }
  return {};
}

Rejection early_rejection(std::span<const Upper> uppers, const Frame& frame, Verdict reason) {
  if (reason == Verdict::broadcast) return {.text = "no upper has the broadcast flag"};
  if (reason == Verdict::multicast) return {.text = "no upper has joined " + to_string(frame.destination)};
  if (reason == Verdict::unicast) return {.text = "no upper and nobody on the host has this address"};

  Rejection rejection;
  const std::uint16_t vid = frame.vlan().value_or(0);
  std::size_t claims = 0;
  for (const Upper& upper : uppers) {
    if (takes_vlan(upper, vid) || claim_text(upper, frame.destination).empty() || ++claims > kUppersNamed) continue;
    rejection.text += (claims > 1 ? "; " : "") + vlan_rejection(upper, frame.destination);
  }
  if (claims > kUppersNamed) rejection.text += "; and " + std::to_string(claims - kUppersNamed) + " more like these";
  rejection.named = claims > 0;
  if (claims == 0) rejection.text = "no upper is on VLAN " + std::to_string(vid);
  return rejection;
}

}  // namespace rxf
