// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/filter_set.h"

#include <linux/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <iterator>

namespace rxf {
namespace {

struct NamedFlag {
  std::string_view name;
  bool FilterFlags::*member;
  std::uint32_t bit;
};

constexpr std::array<NamedFlag, 4> kFlags = {{
    {"broadcast", &FilterFlags::broadcast, IFF_BROADCAST},
    {"multicast", &FilterFlags::multicast, IFF_MULTICAST},
    {"promisc", &FilterFlags::promisc, IFF_PROMISC},
    {"allmulti", &FilterFlags::allmulti, IFF_ALLMULTI},
}};

using Notes = std::vector<std::string>;

std::unexpected<Error> refuse(int code, std::string text) {
  return std::unexpected(Error{.text = std::move(text), .code = code, .exit = Exit::usage});
}

std::unexpected<Error> refuse_address(const MacAddress& address, const std::string& why) {
  return refuse(EADDRNOTAVAIL, "\"" + to_string(address) + "\" is " + why);
}

std::string comma_separated(const FilterFlags& flags) {
  std::string text;
  for (const auto& name : names(flags)) text += (text.empty() ? "" : ",") + name;
  return text;
}

// Broadcast and all-zero are in no list.
Result<void> check_listable(const MacAddress& address) {
  if (address.is_broadcast())
    return refuse_address(address, "the broadcast address: use the broadcast flag (--flags +broadcast)");
  if (address.is_zero()) return refuse_address(address, "all zero, which is nobody's address: leave it out");
  return {};
}

FilterFlags applied(const FilterFlags& flags, const FlagsEdit& edit) {
  FilterFlags result;
  for (const auto& [name, member, bit] : kFlags)
    result.*member = edit.add.*member || (!edit.replace && flags.*member && !(edit.remove.*member));
  return result;
}

// Asked where the flag is clear: a list of flags is then one without it.
bool clears_multicast(const std::optional<FlagsEdit>& edit) {
  return edit && (edit->replace || edit->remove.multicast);
}

bool edits_addresses(const FilterEdit& edit) {
  return edit.flags || edit.unicast || edit.multicast || edit.all_multicast;
}

Result<void> check_flags_agree(const FilterEdit& edit) {
  if (!edit.flags) return {};
  for (const auto& [name, member, bit] : kFlags)
    if (edit.flags->add.*member && edit.flags->remove.*member)
      return usage_error("flag " + std::string(name) + " is both added and removed: give one of the two");
  if (edit.all_multicast && edit.flags->remove.allmulti)
    return usage_error("--multicast all sets the allmulti flag, which --flags removes: give one of the two");
  return {};
}

Result<void> check_list_agrees(const std::optional<ListEdit<AddressSet>>& edit, bool exists, const std::string& list) {
  if (!edit || edit->remove.empty()) return {};
  const std::string first = to_string(*edit->remove.begin());
  // An unfiltered upper accepts every address; a removal must not turn it into one that accepts almost none.
  if (!exists)
    return usage_error("no address filter to remove " + first + " from: every address is accepted; give the " + list +
                       " list to accept instead");
  for (const MacAddress& address : edit->remove)
    if (edit->add.contains(address))
      return usage_error(to_string(address) + " is both added to and removed from the " + list +
                         " list: give one of the two");
  return {};
}

Result<void> check_vlans_agree(const std::optional<ListEdit<VlanSet>>& edit, bool exists) {
  if (!edit || edit->remove.empty()) return {};
  if (!exists)
    return usage_error(
        "no VLAN filter to remove from: every VLAN is accepted; give those to keep, as in --vlan 42,100-109");
  VlanSet only_added = edit->add;
  only_added -= edit->remove;
  if (only_added == edit->add) return {};
  VlanSet both = edit->add;
  both -= only_added;
  return usage_error("VLANs " + to_string(both) + " are both added and removed: give one of the two");
}

Result<void> check_agrees(const FilterSet& current, const FilterEdit& edit) {
  const bool has_addresses = current.addresses.has_value();
  if (auto result = check_flags_agree(edit); !result) return result;
  if (auto result = check_list_agrees(edit.unicast, has_addresses, "unicast"); !result) return result;
  if (auto result = check_list_agrees(edit.multicast, has_addresses, "multicast"); !result) return result;
  return check_vlans_agree(edit.vlans, current.vlans.has_value());
}

AddressFilter first_address_half(const FilterEdit& edit, Notes& notes) {
  AddressFilter half;
  if (edit.flags && edit.flags->replace) return half;
  half.flags = {.broadcast = true, .multicast = true, .allmulti = !edit.multicast};
  notes.push_back("first address filter: flags default to " + comma_separated(half.flags) +
                  (half.flags.allmulti ? " (all multicast until a multicast list is given)" : "") +
                  (edit.flags ? ", then changed as asked" : ""));
  return half;
}

void edit_list(AddressSet& list, const ListEdit<AddressSet>& edit, const std::string& name, Notes& notes) {
  if (edit.replace) list.clear();
  for (const MacAddress& address : edit.remove)
    if (list.erase(address) == 0) notes.push_back(to_string(address) + " was not in the " + name + " list");
  list.insert(edit.add.begin(), edit.add.end());
}

void fit_flags_to_list(FilterFlags& flags, const FilterEdit& edit, Notes& notes) {
  if (edit.multicast->replace && !edit.flags && !edit.all_multicast && flags.allmulti) {
    flags.allmulti = false;
    notes.emplace_back("allmulti flag cleared: the multicast list given is the whole of what is accepted");
  }
  if (!edit.multicast->add.empty() && !flags.multicast && !clears_multicast(edit.flags)) {
    flags.multicast = true;
    notes.emplace_back("multicast flag set: the multicast list counts only with it");
  }
}

void edit_addresses(AddressFilter& half, const FilterEdit& edit, Notes& notes) {
  if (edit.flags) half.flags = applied(half.flags, *edit.flags);
  if (edit.all_multicast) half.flags.allmulti = true;
  if (edit.unicast) edit_list(half.unicast, *edit.unicast, "unicast", notes);
  if (edit.multicast) {
    edit_list(half.multicast, *edit.multicast, "multicast", notes);
    fit_flags_to_list(half.flags, edit, notes);
  }
}

void edit_vlans(std::optional<VlanSet>& vlans, const ListEdit<VlanSet>& edit, Notes& notes) {
  if (edit.replace) {
    vlans = edit.add;
    return;
  }
  if (!vlans) {
    vlans.emplace();
    notes.push_back("no VLAN filter before: tagged frames are now accepted on VLANs " + to_string(edit.add) + " only");
  }
  VlanSet missing = edit.remove;
  missing -= *vlans;
  if (!missing.empty()) notes.push_back("VLANs " + to_string(missing) + " were not in the VLAN set");
  *vlans -= edit.remove;
  *vlans |= edit.add;
}

void edit_parts(EditedFilter& result, const FilterEdit& edit) {
  auto& [addresses, vlans] = result.filter;
  if (edits_addresses(edit)) {
    if (!addresses) addresses = first_address_half(edit, result.notes);
    edit_addresses(*addresses, edit, result.notes);
  }
  if (edit.vlans) edit_vlans(vlans, *edit.vlans, result.notes);
  if (edit.forget_vlans) vlans.reset();
}

}  // namespace

AddressSet difference(const AddressSet& from, const AddressSet& without) {
  AddressSet rest;
  std::set_difference(from.begin(), from.end(), without.begin(), without.end(), std::inserter(rest, rest.end()));
  return rest;
}

std::uint32_t FilterFlags::to_wire() const {
  std::uint32_t bits = 0;
  for (const auto& [name, member, bit] : kFlags)
    if (this->*member) bits |= bit;
  return bits;
}

Result<FilterFlags> FilterFlags::from_wire(std::uint32_t bits) {
  FilterFlags flags;
  for (const auto& [name, member, bit] : kFlags) {
    flags.*member = (bits & bit) != 0;
    bits &= ~bit;
  }
  if (bits == 0) return flags;
  std::array<char, 11> unknown{};
  std::snprintf(unknown.data(), unknown.size(), "0x%x", bits);
  return refuse(EINVAL, "unknown filter flags " + std::string(unknown.data()) +
                            ": broadcast (0x2), promisc (0x100), allmulti (0x200) and multicast (0x1000) are known");
}

bool* FilterFlags::find(std::string_view name) {
  for (const auto& flag : kFlags)
    if (flag.name == name) return &(this->*flag.member);
  return nullptr;
}

std::vector<std::string> names(const FilterFlags& flags) {
  std::vector<std::string> result;
  for (const auto& [name, member, bit] : kFlags)
    if (flags.*member) result.emplace_back(name);
  return result;
}

Result<void> check_unicast(const MacAddress& address) {
  if (auto result = check_listable(address); !result) return result;
  if (address.is_group()) return refuse_address(address, "a multicast address: it belongs in the multicast list");
  return {};
}

Result<void> check_multicast(const MacAddress& address) {
  if (auto result = check_listable(address); !result) return result;
  if (!address.is_group()) return refuse_address(address, "a unicast address: it belongs in the unicast list");
  return {};
}

Result<void> validate(const FilterSet& filter) {
  if (!filter.addresses) return {};
  const auto& [flags, unicast, multicast] = *filter.addresses;
  for (const MacAddress& address : unicast)
    if (auto result = check_unicast(address); !result) return result;
  for (const MacAddress& address : multicast)
    if (auto result = check_multicast(address); !result) return result;
  if (const auto total = unicast.size() + multicast.size(); total > FilterSet::kMaxAddresses)
    return refuse(E2BIG, std::to_string(total) + " addresses (" + std::to_string(unicast.size()) + " unicast + " +
                             std::to_string(multicast.size()) + " multicast): at most " +
                             std::to_string(FilterSet::kMaxAddresses) + " per upper");
  if (!multicast.empty() && !flags.multicast)
    return refuse(EINVAL, "a multicast list of " + std::to_string(multicast.size()) +
                              " without the multicast flag: set it (--flags +multicast) or empty the list (--multicast "
                              "none)");
  return {};
}

Result<EditedFilter> edited(const FilterSet& current, const FilterEdit& edit) {
  EditedFilter result;
  if (edit.whole) {
    result.filter = *edit.whole;
  } else {
    if (const auto agrees = check_agrees(current, edit); !agrees) return std::unexpected(agrees.error());
    result.filter = current;
    edit_parts(result, edit);
  }
  if (const auto valid = validate(result.filter); !valid) return std::unexpected(valid.error());
  return result;
}

}  // namespace rxf
