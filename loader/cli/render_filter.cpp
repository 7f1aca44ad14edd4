// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/render_filter.h"

#include "loader/cli/text.h"

namespace rxf::cli {

namespace {

std::string flags_text(const FilterFlags& flags) {
  const std::string text = join(names(flags), ",");
  return "flags " + (text.empty() ? "none" : text);
}

std::string vlans_text(const FilterSet& filter) {
  return filter.vlans ? "vlans " + to_string(*filter.vlans) : "any VLAN";
}

}  // namespace

std::string filter_summary(const FilterSet& filter) {
  if (filter.unfiltered()) return "unfiltered";
  const auto& addresses = filter.addresses;
  return (addresses ? std::to_string(addresses->unicast.size()) + " unicast  " +
                          std::to_string(addresses->multicast.size()) + " multicast  "
                    : "any address  ") +
         vlans_text(filter) + (addresses ? "  " + flags_text(addresses->flags) : "");
}

std::string filter_text(const std::string& upper, const FilterSet& filter) {
  const std::string start = printable(upper) + ": ";
  if (filter.unfiltered()) return start + "unfiltered\n";
  if (!filter.addresses) return start + "any address  " + vlans_text(filter) + "\n";

  std::string text = start + flags_text(filter.addresses->flags) + "  " + vlans_text(filter) + "\n";
  for (const MacAddress& address : filter.addresses->unicast) text += "  unicast " + to_string(address) + "\n";
  for (const MacAddress& address : filter.addresses->multicast) text += "  multicast " + to_string(address) + "\n";
  return text;
}

}  // namespace rxf::cli
