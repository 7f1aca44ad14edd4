// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/filter_args.h"

#include <algorithm>

#include "loader/cli/text.h"

namespace rxf::cli {

namespace {

constexpr std::size_t kLongestItem = 64;

bool is_signed(std::string_view item) { return item.starts_with('+') || item.starts_with('-'); }

// What is wrong with the list whatever its items are, or "".
std::string shape_problem(const std::vector<std::string_view>& items) {
  const bool any_signed = std::any_of(items.begin(), items.end(), is_signed);
  for (const std::string_view item : items) {
    const std::string_view body = item.substr(is_signed(item) ? 1 : 0);
    if (body.empty()) return "empty item";
    if (body == "none" || body == "all") return quote(body) + " stands alone";
    if (is_signed(item) != any_signed) return "plain items and +/- items do not mix";
  }
  return {};
}

// `Edit` is a ListEdit or a FlagsEdit; `add_item(body, set)` puts one item into its `add` or `remove`.
template <class Edit, class AddItem>
Result<Edit> parse_edit(const std::string& option, std::string_view text, AddItem add_item) {
  if (text == "none") return Edit{.replace = true};
  const std::vector<std::string_view> items = split(text);
  if (const std::string problem = shape_problem(items); !problem.empty())
    return usage_error(option + " " + quote(text) + ": " + problem);

  Edit edit{.replace = !is_signed(items.front())};
  for (const std::string_view item : items) {
    const std::string_view body = item.substr(is_signed(item) ? 1 : 0);
    const Result<void> added = add_item(body, item.starts_with('-') ? edit.remove : edit.add);
    if (!added) return wrap(added.error(), option);
  }
  return edit;
}

Result<MacAddress> parse_address_item(std::string_view item, Result<void> (*check)(const MacAddress&)) {
  if (item.size() > kLongestItem) return usage_error(quote(item) + " is not a MAC address");
  const Result<MacAddress> address = MacAddress::parse(item);
  if (!address) return address;
  if (const Result<void> checked = check(*address); !checked) return std::unexpected(checked.error());
  return address;
}

Result<ListEdit<AddressSet>> parse_addresses(const std::string& option, std::string_view text,
                                             Result<MacAddress> (*parse_item)(std::string_view)) {
  return parse_edit<ListEdit<AddressSet>>(option, text, [=](std::string_view item, AddressSet& set) -> Result<void> {
    const Result<MacAddress> address = parse_item(item);
    if (!address) return std::unexpected(address.error());
    set.insert(*address);
    return {};
  });
}

Result<void> add_vlan_item(std::string_view item, VlanSet& set) {
  if (item.size() > kLongestItem) return usage_error(quote(item) + " is not a VLAN or a range of them");
  const Result<VlanSet> vlans = VlanSet::parse(item);
  if (!vlans) return std::unexpected(vlans.error());
  set |= *vlans;
  return {};
}

// Puts a parsed value where it belongs, or passes the error on.
template <class T>
Result<void> keep(const Result<T>& parsed, std::optional<T>& place) {
  if (!parsed) return std::unexpected(parsed.error());
  place = *parsed;
  return {};
}

Result<void> parse_multicast(const std::string& text, FilterEdit& edit) {
  edit.all_multicast = text == "all";
  if (edit.all_multicast) return {};
  return keep(parse_addresses("--multicast", text, parse_multicast_item), edit.multicast);
}

Result<void> parse_vlan(const std::string& text, FilterEdit& edit) {
  edit.forget_vlans = text == "all";
  if (edit.forget_vlans) return {};
  return keep(parse_edit<ListEdit<VlanSet>>("--vlan", text, add_vlan_item), edit.vlans);
}

}  // namespace

Result<MacAddress> parse_unicast_item(std::string_view item) { return parse_address_item(item, check_unicast); }

Result<MacAddress> parse_multicast_item(std::string_view item) { return parse_address_item(item, check_multicast); }

Result<void> add_flag_item(std::string_view name, FilterFlags& flags) {
  bool* flag = flags.find(name);
  if (flag == nullptr)
    return usage_error(quote(name) + " is not a flag: broadcast, multicast, promisc and allmulti are");
  *flag = true;
  return {};
}

Result<FilterEdit> parse_filter_arguments(const FilterArguments& arguments) {
  FilterEdit edit;
  Result<void> done;
  if (arguments.unicast)
    done = keep(parse_addresses("--unicast", *arguments.unicast, parse_unicast_item), edit.unicast);
  if (done && arguments.multicast) done = parse_multicast(*arguments.multicast, edit);
  if (done && arguments.vlan) done = parse_vlan(*arguments.vlan, edit);
  if (done && arguments.flags)
    done = keep(parse_edit<FlagsEdit>("--flags", *arguments.flags, add_flag_item), edit.flags);
  if (!done) return std::unexpected(done.error());
  return edit;
}

}  // namespace rxf::cli
