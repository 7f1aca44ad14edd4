// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/claims.h"

#include <cerrno>

namespace rxf {
namespace {

std::unexpected<Error> in_use(const MacAddress& address, const std::string& whose) {
  return std::unexpected(Error{.text = to_string(address) + " is in use: it is " + whose, .code = EADDRINUSE});
}

bool lists(const FilterSet& filter, const MacAddress& address) {
  return filter.addresses && filter.addresses->unicast.contains(address);
}

Result<void> check_sibling(const Upper& sibling, const FilterSet& wanted, const MacAddress& own) {
  for (const MacAddress& address : wanted.addresses->unicast) {
    if (address == own) continue;
    if (address == sibling.address) return in_use(address, sibling.name + "'s own address");
    if (lists(sibling.filter, address)) return in_use(address, "in the filter set of " + sibling.name);
  }
  return {};
}

}  // namespace

Result<void> check_claims(const Snapshot& snapshot, std::uint32_t ifindex, const FilterSet& wanted) {
  const Upper* self = nullptr;
  for (const Upper& upper : snapshot.uppers)
    if (upper.ifindex == ifindex) self = &upper;
  if (self == nullptr || self->mode == UpperMode::passthru || !wanted.addresses) return {};
  if (lists(wanted, snapshot.address) && self->address != snapshot.address)
    return in_use(snapshot.address, snapshot.name + "'s own address");
  for (const Upper& sibling : snapshot.uppers)
    if (sibling.ifindex != ifindex)
      if (auto done = check_sibling(sibling, wanted, self->address); !done) return done;
  // Uppers in other namespaces are seen only there.
  for (const MacAddress& address : wanted.addresses->unicast)
    if (snapshot.unicast.contains(address) && address != self->address && !lists(self->filter, address))
      return in_use(address, "on the unicast list of " + snapshot.name +
                                 ", for the host or an upper in another network namespace");
  return {};
}

}  // namespace rxf
