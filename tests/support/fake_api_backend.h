// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loader/daemon/api_backend.h"
#include "loader/netlink/message.h"

namespace rxf::test {

// What the API socket asks of the daemon, over links that are not there.
class FakeApiBackend final : public daemon::ApiBackend {
 public:
  static constexpr std::uint32_t kUpper = 2;
  static constexpr std::uint32_t kSibling = 3;
  static constexpr std::uint32_t kNic = 4;  // where no filter can be programmed
  static constexpr const char* kAlternativeName = "upper-by-another-and-longer-name";

  FakeApiBackend() {
    add(kUpper, "upper", FilterSet{});
    add(kSibling, "sibling", FilterSet{});
    add(kNic, "nic", std::nullopt);
  }

  // With an alias of `padding` letters, so that its message is longer than that.
  void add(std::uint32_t ifindex, const std::string& name, std::optional<FilterSet> filter, std::size_t padding = 0) {
    netlink::Message message(RTM_NEWLINK, 0, padding + 512);
    message.put_fixed(ifinfomsg{.ifi_type = 1, .ifi_index = static_cast<int>(ifindex)});
    message.put_text(IFLA_IFNAME, name);
    if (padding != 0) message.put_text(IFLA_IFALIAS, std::string(padding, 'x'));
    const auto bytes = message.bytes();
    links.push_back(
        {.message = {bytes.begin(), bytes.end()}, .ifindex = ifindex, .name = name, .filter = std::move(filter)});
  }

  daemon::ApiLink& link(std::uint32_t ifindex) { return *std::ranges::find(links, ifindex, &daemon::ApiLink::ifindex); }

  Result<daemon::ApiLink> get(const netlink::LinkName& which, bool with_filter) override {
    const auto found = std::ranges::find_if(links, [&](const daemon::ApiLink& link) {
      if (which.ifindex != 0) return link.ifindex == which.ifindex;
      return link.name == which.name || (which.name == kAlternativeName && link.ifindex == kUpper);
    });
    if (found == links.end()) return std::unexpected(Error{.text = "no such device", .code = ENODEV});
    daemon::ApiLink link = *found;
    if (!with_filter) link.filter.reset();
    return link;
  }

  Result<std::vector<daemon::ApiLink>> all() override {
    ++dumps;
    return links;
  }

  Result<std::vector<std::string>> set(const netlink::LinkName& which, const FilterChange& change) override {
    if (refusal) return std::unexpected(*refusal);
    const auto found = get(which, true);
    if (!found) return std::unexpected(found.error());
    if (!found->filter) return std::unexpected(Error{.text = found->name + " has no filter", .code = EOPNOTSUPP});
    auto filter = merged(*found->filter, change);
    if (!filter) return std::unexpected(filter.error());
    link(found->ifindex).filter = std::move(*filter);
    ++sets;
    if (on_set) on_set(link(found->ifindex));
    return warnings;
  }

  std::vector<daemon::ApiLink> links;
  std::optional<Error> refusal;  // of every set
  std::vector<std::string> warnings;
  std::function<void(const daemon::ApiLink&)> on_set;
  int sets = 0;  // that were done
  int dumps = 0;
};

}  // namespace rxf::test
