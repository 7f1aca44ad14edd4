// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render_filter.h"
#include "loader/cli/text.h"
#include "tools/guest/guest_render.h"

namespace rxf::guest {

namespace {

using cli::Json;

// "any", or the word for nothing, or the list.
std::string rule_text(const AddressRule& rule, const char* any, const char* nothing) {
  if (rule.any) return any;
  std::vector<std::string> items;
  for (const AddressPattern& pattern : rule.allowed) items.push_back(to_string(pattern));
  return items.empty() ? nothing : cli::join(items, ",");
}

std::string limit_text(const AddressRule& rule) {
  return rule.limit < FilterSet::kMaxAddresses ? ", at most " + std::to_string(rule.limit) : "";
}

std::string multicast_text(const Policy& policy) {
  return policy.all_multicast ? "all" : rule_text(policy.multicast, "follow", "none");
}

std::string vlans_text(const Policy& policy) { return policy.vlans ? to_string(*policy.vlans) : "follow"; }

const char* allow_text(bool allowed) { return allowed ? "allow" : "deny"; }

// All of it may be had where the list of groups has no end.
bool grants_allmulti(const Policy& policy) {
  return policy.all_multicast || (policy.allmulti && policy.multicast.allows_every());
}

std::string policy_text(const GuestSettings& settings) {
  const Policy& policy = settings.policy;
  return "  main-mac " + rule_text(policy.main_mac, "any", "fixed") +
         (settings.mac ? "  (" + to_string(*settings.mac) + ")" : "") + "\n" + "  unicast " +
         rule_text(policy.unicast, "any", "none") + limit_text(policy.unicast) + "\n" + "  multicast " +
         multicast_text(policy) + limit_text(policy.multicast) + "\n" + "  vlans " + vlans_text(policy) + "\n" +
         "  promisc " + allow_text(policy.promisc) + "  allmulti " + allow_text(grants_allmulti(policy)) + "\n";
}

Json text_or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

}  // namespace

std::string settings_text(const GuestSettings& settings) {
  std::string text = cli::printable(settings.upper) + ":";
  if (settings.qmp)
    text += " follows " + (settings.nic ? cli::printable(*settings.nic) : "the only NIC that can be asked") + " at " +
            cli::printable(*settings.qmp) + "\n" + policy_text(settings) + "  changes " +
            std::to_string(settings.changes) + " a second  poll " + std::to_string(settings.poll) + " s\n";
  else
    text += " has its profile\n";
  if (settings.profile) text += "  profile  " + cli::filter_summary(*settings.profile) + "\n";
  return text + (settings.shadow ? "  shadow: judged and counted, not programmed\n" : "");
}

Json to_json(const GuestSettings& settings) {
  const Policy& policy = settings.policy;
  return {{"upper", settings.upper},
          {"qmp", text_or_null(settings.qmp)},
          {"nic", text_or_null(settings.nic)},
          {"mac", settings.mac ? Json(to_string(*settings.mac)) : Json()},
          {"main-mac", rule_text(policy.main_mac, "any", "fixed")},
          {"unicast", rule_text(policy.unicast, "any", "none")},
          {"unicast-limit", policy.unicast.limit},
          {"multicast", multicast_text(policy)},
          {"multicast-limit", policy.multicast.limit},
          {"vlans", vlans_text(policy)},
          {"promisc", allow_text(policy.promisc)},
          {"allmulti", allow_text(grants_allmulti(policy))},
          {"changes", settings.changes},
          {"poll", settings.poll},
          {"profile", settings.profile ? cli::to_json(*settings.profile) : Json()},
          {"shadow", settings.shadow}};
}

}  // namespace rxf::guest
