// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/rx_filter_state.h"

#include "loader/cli/text.h"

namespace rxf::guest {
namespace {

using nlohmann::json;

// 0 to 4095.
constexpr std::size_t kMaxVids = 4096;

// Takes members of one object; the first that is wrong is its error, and what follows is not looked at.
class Members {
 public:
  explicit Members(const json& object) : object_(object) {}

  void take(const char* key, std::string& value) {
    const json* const member = find(key, json::value_t::string);
    if (member == nullptr) return;
    value = member->get<std::string>();
    const bool good = !value.empty() && value.size() <= RxFilterState::kMaxName && cli::printable(value) == value;
    if (!good) refuse(key, "not a name");
  }

  void take(const char* key, bool& value) {
    if (const json* const member = find(key, json::value_t::boolean)) value = member->get<bool>();
  }

  void take(const char* key, RxMode& value) {
    const json* const member = find(key, json::value_t::string);
    if (member == nullptr) return;
    const auto& text = member->get_ref<const std::string&>();
    if (text == "none") {
      value = RxMode::none;
    } else if (text == "normal") {
      value = RxMode::normal;
    } else if (text == "all") {
      value = RxMode::all;
    } else {
      refuse(key, cli::quote(text) + " is not none, normal or all");
    }
  }

  void take(const char* key, MacAddress& value) {
    if (const json* const member = find(key, json::value_t::string)) take_address(key, *member, value);
  }

  void take(const char* key, AddressSet& value) {
    const json* const list = find_list(key, RxFilterState::kMaxAddresses);
    if (list == nullptr) return;
    for (const json& item : *list) {
      MacAddress address;
      if (!item.is_string()) return refuse(key, "an item that is no string");
      if (!take_address(key, item, address)) return;
      value.insert(address);
    }
  }

  void take(const char* key, VlanSet& value) {
    const json* const list = find_list(key, kMaxVids);
    if (list == nullptr) return;
    for (const json& item : *list) {
      if (!item.is_number_unsigned()) return refuse(key, "an item that is no VID");
      const auto vid = item.get<std::uint64_t>();
      if (vid >= kMaxVids) return refuse(key, std::to_string(vid) + " is no VID");
      if (vid >= VlanSet::kFirst && vid <= VlanSet::kLast) value.insert(static_cast<std::uint16_t>(vid));
    }
  }

  [[nodiscard]] const Result<void>& result() const { return result_; }

 private:
  void refuse(const char* key, const std::string& why) { result_ = usage_error(std::string(key) + ": " + why); }

  const json* find(const char* key, json::value_t type) {
    if (!result_) return nullptr;
    const auto found = object_.find(key);
    if (found == object_.end()) {
      refuse(key, "missing");
    } else if (found->type() != type) {
      refuse(key, std::string("of a wrong type: ") + found->type_name());
    } else {
      return &*found;
    }
    return nullptr;
  }

  const json* find_list(const char* key, std::size_t most) {
    const json* const list = find(key, json::value_t::array);
    if (list == nullptr || list->size() <= most) return list;
    refuse(key, "more than " + std::to_string(most) + " items");
    return nullptr;
  }

  bool take_address(const char* key, const json& text, MacAddress& value) {
    const auto address = MacAddress::parse(text.get_ref<const std::string&>());
    if (address) {
      value = *address;
    } else {
      refuse(key, cli::quote(text.get_ref<const std::string&>()) + " is no address");
    }
    return address.has_value();
  }

  const json& object_;  // the caller's, for one decoding
  Result<void> result_;
};

}  // namespace

Result<RxFilterState> decode_rx_filter(const json& entry) {
  if (!entry.is_object()) return usage_error("not an object");
  Members members(entry);
  RxFilterState state;
  members.take("name", state.name);
  members.take("promiscuous", state.promiscuous);
  members.take("unicast", state.unicast);
  members.take("multicast", state.multicast);
  members.take("vlan", state.vlan);
  members.take("unicast-overflow", state.unicast_overflow);
  members.take("multicast-overflow", state.multicast_overflow);
  members.take("main-mac", state.main_mac);
  members.take("unicast-table", state.unicast_table);
  members.take("multicast-table", state.multicast_table);
  members.take("vlan-table", state.vlan_table);
  if (!members.result()) return std::unexpected(members.result().error());
  return state;
}

}  // namespace rxf::guest
