// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "loader/model/mac_address.h"
#include "loader/model/result.h"
#include "loader/model/vlan_set.h"

namespace rxf {

using AddressSet = std::set<MacAddress>;

// What is in `from` and not in `without`.
[[nodiscard]] AddressSet difference(const AddressSet& from, const AddressSet& without);

// The flags of an address half; on the wire they are IFF_BROADCAST (0x2), IFF_PROMISC (0x100),
// IFF_ALLMULTI (0x200) and IFF_MULTICAST (0x1000) of <linux/if.h>.
struct FilterFlags {
  bool broadcast = false;
  bool multicast = false;
  bool promisc = false;
  bool allmulti = false;

  bool operator==(const FilterFlags&) const = default;

  [[nodiscard]] std::uint32_t to_wire() const;
  // Unknown bits: usage error with code EINVAL.
  static Result<FilterFlags> from_wire(std::uint32_t bits);
  // The member called `name`, or nullptr.
  bool* find(std::string_view name);
};

// {"broadcast", "multicast"}: always in the order broadcast, multicast, promisc, allmulti.
[[nodiscard]] std::vector<std::string> names(const FilterFlags& flags);

struct AddressFilter {
  FilterFlags flags;
  AddressSet unicast;
  AddressSet multicast;

  bool operator==(const AddressFilter&) const = default;
};

// What one upper asked for. An absent half accepts everything in its dimension.
struct FilterSet {
  static constexpr std::size_t kMaxAddresses = 1024;  // unicast + multicast

  std::optional<AddressFilter> addresses;
  std::optional<VlanSet> vlans;

  bool operator==(const FilterSet&) const = default;
  [[nodiscard]] bool unfiltered() const { return !addresses && !vlans; }
};

// Checks one address for the list it is to go into. Usage error with code EADDRNOTAVAIL and the reason:
// broadcast, all-zero, a multicast address in `unicast`, a unicast one in `multicast`.
Result<void> check_unicast(const MacAddress& address);
Result<void> check_multicast(const MacAddress& address);

// A whole set: every address as above; more than kMaxAddresses -> E2BIG with both numbers; a non-empty
// multicast list without the multicast flag -> EINVAL. Usage errors.
Result<void> validate(const FilterSet& filter);

// One list or set to change: replace it whole, or edit it. With `replace`, add is the new list and remove is empty.
template <class Set>
struct ListEdit {
  bool replace = false;
  Set add;
  Set remove;
};

struct FlagsEdit {
  bool replace = false;
  FilterFlags add;
  FilterFlags remove;
};

// A partial change, as `rxfilter-loader set` asks for. What is absent stays.
struct FilterEdit {
  std::optional<FilterSet> whole;  // both halves replaced, an absent one forgotten; nothing else is looked at
  std::optional<FlagsEdit> flags;
  std::optional<ListEdit<AddressSet>> unicast;
  std::optional<ListEdit<AddressSet>> multicast;
  bool all_multicast = false;  // --multicast all: the allmulti flag; the list stays
  std::optional<ListEdit<VlanSet>> vlans;
  bool forget_vlans = false;  // --vlan all: no VLAN half
};

struct EditedFilter {
  FilterSet filter;
  std::vector<std::string> notes;  // what was filled in, a sentence each
};

// `current` with `edit` done, validated. A first address half given without flags gets broadcast and multicast,
// and allmulti when the edit has no multicast list either, and a note says so. `--multicast LIST|none` (replace)
// without flags in the same edit clears allmulti where it was set by an earlier default or `all`; a multicast list
// that is added to or replaced, non-empty, sets the multicast flag unless the same edit's flags clear it.
Result<EditedFilter> edited(const FilterSet& current, const FilterEdit& edit);

}  // namespace rxf
