// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/filter_change.h"

#include <cerrno>

namespace rxf {
namespace {

using MergedAddresses = Result<std::optional<AddressFilter>>;

MergedAddresses merged_addresses(const std::optional<AddressFilter>& now, const FilterChange::Addresses& change) {
  if (change == FilterChange::Addresses{}) return std::nullopt;
  if (!now && !change.flags)
    return std::unexpected(Error{.text = "the first address filter must have flags (IFLA_ADDR_FILTER_FLAGS)",
                                 .code = EINVAL,
                                 .exit = Exit::usage});
  AddressFilter half = now.value_or(AddressFilter{});
  if (change.flags) half.flags = *change.flags;
  if (change.unicast) half.unicast = *change.unicast;
  if (change.multicast) half.multicast = *change.multicast;
  return half;
}

}  // namespace

FilterChange stating(const FilterSet& filter) {
  FilterChange change;
  if (const auto& half = filter.addresses)
    change.addresses = {.flags = half->flags, .unicast = half->unicast, .multicast = half->multicast};
  if (filter.vlans) change.vlans = {.only = filter.vlans};
  return change;
}

FilterChange exactly(const FilterSet& filter) {
  FilterChange change = stating(filter);
  if (filter.unfiltered()) return change;
  if (!change.addresses) change.addresses.emplace();
  if (!change.vlans) change.vlans.emplace();
  return change;
}

Result<FilterSet> merged(const FilterSet& now, const FilterChange& change) {
  if (change == FilterChange{}) return FilterSet{};
  FilterSet result = now;
  if (change.addresses) {
    auto half = merged_addresses(now.addresses, *change.addresses);
    if (!half) return std::unexpected(half.error());
    result.addresses = std::move(*half);
  }
  if (change.vlans) result.vlans = change.vlans->only;
  if (const auto valid = validate(result); !valid) return std::unexpected(valid.error());
  return result;
}

}  // namespace rxf
