// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/guest_options.h"

#include <algorithm>
#include <array>

#include "loader/cli/add_text.h"
#include "loader/cli/filter_json.h"
#include "loader/cli/text.h"
#include "loader/daemon/api_path.h"

namespace rxf::guest {

namespace {

constexpr unsigned kMostChanges = 1000;
constexpr unsigned kLongestPoll = 86'400;

using Items = std::vector<std::string>;

bool is_word(const std::string& item) {
  static constexpr std::array kWords = {"fixed", "any", "none", "follow", "all"};
  return std::ranges::find(kWords, item) != kWords.end();
}

bool is(const Items& items, const char* word) { return items.size() == 1 && items.front() == word; }

// The lists for addresses: what each is called, and whether its addresses are groups.
struct ListOption {
  const char* name;
  const char* words;
  bool groups;
};
constexpr ListOption kMainMac{"main-mac", "fixed or any", false};
constexpr ListOption kUnicast{"unicast", "none or any", false};
constexpr ListOption kMulticast{"multicast", "follow, all or none", true};

Result<AddressPattern> parse_pattern(const ListOption& option, const std::string& item) {
  if (is_word(item))
    return usage_error(cli::quote(item) + " does not go here: give " + option.words + " alone, or addresses and OUIs");
  const Result<AddressPattern> pattern = AddressPattern::parse(item);
  if (!pattern) return pattern;
  if (pattern->bits == 48) {
    const Result<void> fits = option.groups ? check_multicast(pattern->address) : check_unicast(pattern->address);
    if (!fits) return std::unexpected(fits.error());
  } else if (pattern->address.is_group() != option.groups) {
    return usage_error(cli::quote(item) + " begins " + (option.groups ? "unicast" : "multicast") +
                       " addresses only: it belongs in another list");
  }
  return pattern;
}

Result<std::vector<AddressPattern>> parse_patterns(const ListOption& option, const Items& items) {
  std::vector<AddressPattern> patterns;
  for (const std::string& item : items) {
    const Result<AddressPattern> pattern = parse_pattern(option, item);
    if (!pattern) return wrap(pattern.error(), option.name);
    if (std::ranges::find(patterns, *pattern) == patterns.end()) patterns.push_back(*pattern);
  }
  return patterns;
}

// `any` and `nothing` are the words for these.
Result<AddressRule> parse_rule(const ListOption& option, const Items& items, const char* any, const char* nothing,
                               const std::optional<std::size_t>& limit) {
  AddressRule rule{.any = is(items, any), .limit = limit.value_or(FilterSet::kMaxAddresses)};
  if (rule.any || is(items, nothing)) return rule;
  Result<std::vector<AddressPattern>> patterns = parse_patterns(option, items);
  if (!patterns) return std::unexpected(patterns.error());
  rule.allowed = std::move(*patterns);
  return rule;
}

Result<std::optional<VlanSet>> parse_vlans(const Items& items) {
  if (items.empty() || is(items, "follow")) return std::nullopt;
  const Result<VlanSet> vlans = VlanSet::parse(cli::join(items, ","));
  if (!vlans) return usage_error("vlans: " + cli::shortened(vlans.error().text, 160));
  return *vlans;
}

Result<bool> parse_allow(const char* name, const std::optional<std::string>& text, bool otherwise) {
  if (!text) return otherwise;
  if (*text == "allow" || *text == "deny") return *text == "allow";
  return usage_error(std::string(name) + ": " + cli::quote(*text) + " is neither allow nor deny");
}

// What only somebody who asks the guest can use.
std::optional<std::string> needs_qmp(const GuestOptions& options) {
  const std::array<std::pair<const char*, bool>, 11> given = {{{"nic", options.nic.has_value()},
                                                               {"mac", options.mac.has_value()},
                                                               {kMainMac.name, !options.main_mac.empty()},
                                                               {kUnicast.name, !options.unicast.empty()},
                                                               {"unicast-limit", options.unicast_limit.has_value()},
                                                               {kMulticast.name, !options.multicast.empty()},
                                                               {"multicast-limit", options.multicast_limit.has_value()},
                                                               {"vlans", !options.vlans.empty()},
                                                               {"promisc", options.promisc.has_value()},
                                                               {"allmulti", options.allmulti.has_value()},
                                                               {"changes", options.changes.has_value()}}};
  const auto found = std::ranges::find_if(given, [](const auto& one) { return one.second; });
  return found == given.end() ? std::nullopt : std::optional<std::string>(found->first);
}

Result<void> check_sources(const GuestOptions& options) {
  if (!options.upper) return usage_error("upper is missing: name the macvtap of the guest");
  if (const auto named = cli::check_device_name(*options.upper); !named) return wrap(named.error(), "upper");
  if (options.nic && options.nic->empty()) return usage_error("nic: \"\" is no id of a device: leave nic out");
  if (options.qmp) {
    if (const auto address = daemon::api_address(*options.qmp); !address)
      return usage_error("qmp: " + cli::quote(*options.qmp) + ": the path of a socket has 1 to 107 bytes");
    return {};
  }
  if (!options.profile)
    return usage_error(
        "neither qmp nor profile: give QEMU's monitor socket, or a filter set for a guest that cannot be asked");
  if (const std::optional<std::string> name = needs_qmp(options))
    return usage_error(*name + " goes with qmp: without it, profile is programmed as it is");
  return {};
}

// What would never have an effect is a mistake.
Result<void> check_policy(const GuestOptions& options) {
  const bool follow = options.multicast.empty() || is(options.multicast, "follow");
  if (options.unicast_limit && (options.unicast.empty() || is(options.unicast, "none")))
    return usage_error("unicast-limit without addresses to limit: give unicast any, or a list");
  if (options.multicast_limit && (is(options.multicast, "all") || is(options.multicast, "none")))
    return usage_error("multicast-limit limits nothing with multicast " + options.multicast.front() +
                       ": give multicast follow, or a list");
  if (options.allmulti == "deny" && is(options.multicast, "all"))
    return usage_error("multicast all grants what allmulti deny forbids: give one of the two");
  if (options.allmulti == "allow" && !is(options.multicast, "all") && (!follow || options.multicast_limit))
    return usage_error("allmulti allow goes with multicast follow without a limit: all multicast is more than " +
                       std::string(follow ? "multicast-limit allows" : "the list of multicast has"));
  return {};
}

Result<Policy> policy_of(const GuestOptions& options) {
  if (const Result<void> checked = check_policy(options); !checked) return std::unexpected(checked.error());
  const auto or_word = [](const Items& items, const char* word) { return items.empty() ? Items{word} : items; };
  const auto main_mac = parse_rule(kMainMac, or_word(options.main_mac, "fixed"), "any", "fixed", std::nullopt);
  if (!main_mac) return std::unexpected(main_mac.error());
  const auto unicast = parse_rule(kUnicast, or_word(options.unicast, "none"), "any", "none", options.unicast_limit);
  if (!unicast) return std::unexpected(unicast.error());
  const bool all = is(options.multicast, "all");
  const Items groups = all ? Items{"follow"} : or_word(options.multicast, "follow");
  const auto multicast = parse_rule(kMulticast, groups, "follow", "none", options.multicast_limit);
  if (!multicast) return std::unexpected(multicast.error());
  const auto vlans = parse_vlans(options.vlans);
  if (!vlans) return std::unexpected(vlans.error());
  const auto promisc = parse_allow("promisc", options.promisc, Policy{}.promisc);
  if (!promisc) return std::unexpected(promisc.error());
  const auto allmulti = parse_allow("allmulti", options.allmulti, Policy{}.allmulti);
  if (!allmulti) return std::unexpected(allmulti.error());
  return Policy{.main_mac = *main_mac,
                .unicast = *unicast,
                .multicast = *multicast,
                .all_multicast = all,
                .vlans = *vlans,
                .promisc = *promisc,
                .allmulti = *allmulti};
}

Result<std::optional<MacAddress>> parse_mac(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const Result<MacAddress> mac = MacAddress::parse(*text);
  if (!mac) return usage_error("mac: " + cli::quote(*text) + " is not a MAC address");
  if (const Result<void> fits = check_unicast(*mac); !fits) return wrap(fits.error(), "mac");
  return *mac;
}

Result<std::optional<FilterSet>> read_profile(const std::optional<std::string>& path) {
  if (!path) return std::nullopt;
  const Result<FilterSet> filter = cli::read_filter_file(*path);
  if (!filter) return wrap(filter.error(), "profile");
  return *filter;
}

}  // namespace

void setup_guest_options(CLI::App& app, GuestOptions& options) {
  const auto add_list = [&](const std::string& name, Items& items, const std::string& text, const std::string& words) {
    app.add_option(name, items, text)
        ->option_text(words)
        ->delimiter(',')
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  const auto add_limit = [&](const std::string& name, std::optional<std::size_t>& limit, const std::string& text) {
    app.add_option(name, limit, text)
        ->check(CLI::Range(std::size_t{1}, FilterSet::kMaxAddresses).description(""))
        ->option_text("N");
  };
  cli::add_text(app, "--upper", options.upper, "macvtap of the guest")->option_text("UPPER");
  cli::add_text(app, "--qmp", options.qmp, "QEMU's monitor socket (QMP)")->option_text("SOCKET");
  cli::add_text(app, "--nic", options.nic, "Id of the NIC in QEMU; default: the only one that can be asked")
      ->option_text("ID");
  cli::add_text(app, "--mac", options.mac, "The guest's configured address; default: the upper's")->option_text("MAC");
  add_list("--main-mac", options.main_mac, "What the guest may make its address; default: fixed", "fixed|any|MAC,...");
  add_list("--unicast", options.unicast, "Further addresses, and vendors' (OUI), that it may have; default: none",
           "none|any|MAC,...");
  add_limit("--unicast-limit", options.unicast_limit, "How many of those");
  add_list("--multicast", options.multicast, "Groups that it may join; all: it has all unasked; default: follow",
           "follow|all|none|MAC,...");
  add_limit("--multicast-limit", options.multicast_limit, "How many of those");
  add_list("--vlans", options.vlans, "VLANs that it may join; default: follow", "follow|none|VLAN,...");
  cli::add_text(app, "--promisc", options.promisc, "Whether it may be promiscuous; default: deny")
      ->option_text("allow|deny");
  cli::add_text(app, "--allmulti", options.allmulti, "Whether it may have all multicast; default: allow")
      ->option_text("allow|deny");
  app.add_option("--changes", options.changes, "How many changes a second are followed; default: 10")
      ->check(CLI::Range(1U, kMostChanges).description(""))
      ->option_text("N");
  app.add_option("--poll", options.poll, "Seconds between two looks at what QEMU does not announce; default: 30")
      ->check(CLI::Range(1U, kLongestPoll).description(""))
      ->option_text("SECONDS");
  cli::add_text(app, "--profile", options.profile, "The filter set of a NIC that cannot be asked, as of get -j")
      ->option_text("FILE");
  app.add_flag("--shadow", options.shadow, "Judge and count, and program nothing");
}

Result<GuestSettings> settings_of(const GuestOptions& options) {
  if (const Result<void> checked = check_sources(options); !checked) return std::unexpected(checked.error());
  const auto mac = parse_mac(options.mac);
  if (!mac) return std::unexpected(mac.error());
  auto policy = policy_of(options);
  if (!policy) return std::unexpected(policy.error());
  const auto profile = read_profile(options.profile);
  if (!profile) return std::unexpected(profile.error());
  GuestSettings settings{.upper = *options.upper,
                         .qmp = options.qmp,
                         .nic = options.nic,
                         .mac = *mac,
                         .policy = std::move(*policy),
                         .profile = *profile,
                         .shadow = options.shadow};
  if (options.changes) settings.changes = *options.changes;
  if (options.poll) settings.poll = *options.poll;
  return settings;
}

}  // namespace rxf::guest
