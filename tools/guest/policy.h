// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/guest/address_rule.h"
#include "tools/guest/guest_request.h"

namespace rxf::guest {

// What the guest behind one upper may ask for. The defaults are the product's.
struct Policy {
  // Main MAC beside the configured one, which is always allowed: fixed is nothing, then a list, or any. Its limit does
  // not count.
  AddressRule main_mac{};
  AddressRule unicast{};               // further addresses
  AddressRule multicast{.any = true};  // "follow"
  bool all_multicast = false;          // "all": granted whatever the guest asks for
  std::optional<VlanSet> vlans{};      // which it may ask for; absent: any ("follow")
  bool promisc = false;
  bool allmulti = true;

  bool operator==(const Policy&) const = default;
};

// Who has an address already, by words for the log: "eth2", "macvtap1". Of this host, or another upper's.
using Owners = std::map<MacAddress, std::string>;

enum class RefusalKind { main_mac, unicast, multicast, vlan, promisc, allmulti };
// As in the settings: "main-mac", "unicast", "multicast", "vlan", "promisc", "allmulti".
[[nodiscard]] const char* to_string(RefusalKind kind);

// One thing that was asked for and not granted.
struct Refusal {
  RefusalKind kind;
  std::string what;  // "02:aa:bb:cc:dd:01", "VLAN 42", "promiscuous"
  std::string why;   // "not in the list of the policy", "eth2 has it", "more than 16 addresses"

  bool operator==(const Refusal&) const = default;
  auto operator<=>(const Refusal&) const = default;
};

struct Judgement {
  FilterSet granted;              // validate() finds nothing wrong with it
  std::vector<Refusal> refusals;  // ascending; none of a guest that is silent

  bool operator==(const Judgement&) const = default;
};

// The nearest to `request` that the policy allows. `configured` is the guest's own address, granted always and in the
// unicast list (the caller takes out what is the upper's own). `previous` is what was granted last: it is kept first
// where a limit cuts, and stands in for a list that the guest's NIC could not hold where all of it may not be had.
// Broadcast is always granted. What has an owner never is, but by promiscuous mode. Pure, and deterministic. At most
// kMaxAddresses addresses are granted.
[[nodiscard]] Judgement judge(const Policy& policy, const MacAddress& configured, const GuestRequest& request,
                              const FilterSet& previous, const Owners& owners);

}  // namespace rxf::guest
