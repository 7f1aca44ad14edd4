// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/claims.h"

#include <cerrno>
#include <optional>

namespace rxf {
namespace {

// Only these are steered to.
bool makes_claims(const Upper& upper) { return upper.mode != UpperMode::passthru && upper.mode != UpperMode::source; }

AddressSet claims_of(const Upper& upper, const FilterSet& filter) {
  if (!filter.addresses) return {};
  return difference(filter.addresses->unicast, {upper.address});
}

// Of two filter sets with the same address that of the higher ifindex has it.
enum class Rivals { all, winning };

std::optional<std::string> sibling_with(const Snapshot& snapshot, const Upper& self, const MacAddress& address,
                                        Rivals rivals) {
  for (const Upper& sibling : snapshot.uppers) {
    if (sibling.ifindex == self.ifindex) continue;
    if (sibling.address == address) return sibling.name + "'s own address";
    if (rivals == Rivals::winning && sibling.ifindex < self.ifindex) continue;
    if (makes_claims(sibling) && claims_of(sibling, sibling.filter).contains(address))
      return "in the filter set of " + sibling.name;
  }
  return std::nullopt;
}

// Whose the address is besides, in words. Uppers in other namespaces are seen only on the list.
std::optional<std::string> owner_of(const Snapshot& snapshot, const Upper& self, const MacAddress& address,
                                    Rivals rivals) {
  if (address == snapshot.address) return snapshot.name + "'s own address";
  if (auto sibling = sibling_with(snapshot, self, address, rivals)) return sibling;
  for (const OtherDevice& other : snapshot.others)
    if (other.address == address) return other.name + "'s own address";
  if (!snapshot.unicast.contains(address) || snapshot.listed_by_us.contains(address)) return std::nullopt;
  return "on the unicast list of " + snapshot.name + ", for the host or an upper in another network namespace";
}

const Upper* find(const Snapshot& snapshot, std::uint32_t ifindex) {
  for (const Upper& upper : snapshot.uppers)
    if (upper.ifindex == ifindex) return &upper;
  return nullptr;
}

}  // namespace

Result<void> check_claims(const Snapshot& snapshot, std::uint32_t ifindex, const FilterSet& wanted) {
  const Upper* self = find(snapshot, ifindex);
  if (self == nullptr || !makes_claims(*self)) return {};
  for (const MacAddress& address : difference(claims_of(*self, wanted), claims_of(*self, self->filter)))
    if (const auto owner = owner_of(snapshot, *self, address, Rivals::all))
      return std::unexpected(Error{.text = to_string(address) + " is in use: it is " + *owner, .code = EADDRINUSE});
  return {};
}

std::string to_string(const Conflict& conflict) {
  const std::string address = to_string(conflict.address);
  return address + " is a further address of " + conflict.upper + ", and " + conflict.owner +
         ": its frames are left to the owner as long as that is so: rxfilter-loader set " + conflict.upper +
         " --unicast -" + address + " gives the claim up";
}

std::vector<Conflict> conflicts(const Snapshot& snapshot) {
  std::vector<Conflict> found;
  for (const Upper& upper : snapshot.uppers) {
    if (!makes_claims(upper)) continue;
    for (const MacAddress& address : claims_of(upper, upper.filter))
      if (auto owner = owner_of(snapshot, upper, address, Rivals::winning))
        found.push_back({.upper = upper.name, .address = address, .owner = std::move(*owner)});
  }
  return found;
}

}  // namespace rxf
