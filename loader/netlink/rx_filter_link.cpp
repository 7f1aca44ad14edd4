// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/rx_filter_link.h"

#include <linux/rtnetlink.h>

#include <cerrno>

#include "loader/netlink/rx_filter_codec.h"

namespace rxf::netlink {
namespace {

// A set is stated whole, and whole it makes any set the same.
Result<FilterSet> stated(const Attribute& attribute) {
  const auto change = decode_change(attribute);
  if (!change) return std::unexpected(change.error().error);
  auto filter = merged({}, *change);
  if (filter && stating(*filter) != *change) return system_error(EBADMSG, "half a filter set from the kernel");
  return filter;
}

Result<void> add_stated(std::map<std::uint32_t, FilterSet>& filters, const nlmsghdr& answer, std::uint16_t attribute) {
  const auto link = body_of<ifinfomsg>(answer);
  if (!link) return std::unexpected(link.error());
  auto read = read_rx_filter(answer, attribute);
  if (!read) return std::unexpected(read.error());
  if (*read) filters.insert_or_assign(static_cast<std::uint32_t>(link->fixed.ifi_index), std::move(**read));
  return {};
}

}  // namespace

Result<std::optional<FilterSet>> read_rx_filter(const nlmsghdr& answer, std::uint16_t attribute) {
  const auto body = body_of<ifinfomsg>(answer);
  if (!body) return std::unexpected(body.error());
  Bytes rest = body->attributes;
  while (const auto next = take_attribute(rest)) {
    if (next->type != attribute) continue;
    auto filter = stated(*next);
    if (!filter) return std::unexpected(filter.error());
    return std::move(*filter);
  }
  return std::nullopt;
}

Result<void> set_rx_filter(Socket& socket, std::uint16_t attribute, std::uint32_t ifindex, const FilterChange& change) {
  Message request(RTM_SETLINK, 0, kMaxRxFilterMessage);
  request.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(ifindex)});
  put_rx_filter(request, attribute, change);
  return socket.request(request.header());
}

Result<std::optional<FilterSet>> get_rx_filter(Socket& socket, std::uint16_t attribute, std::uint32_t ifindex) {
  Message request(RTM_GETLINK, 0);
  request.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(ifindex)});
  request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS | kExtFilterRxFilter);
  std::optional<FilterSet> filter;
  const auto got = socket.request(request.header(), [&](const nlmsghdr& answer) -> Result<void> {
    auto read = read_rx_filter(answer, attribute);
    if (!read) return std::unexpected(read.error());
    filter = std::move(*read);
    return {};
  });
  if (!got) return std::unexpected(got.error());
  return filter;
}

Result<std::map<std::uint32_t, FilterSet>> rx_filters(Socket& socket, std::uint16_t attribute) {
  return repeat_interrupted([&]() -> Result<std::map<std::uint32_t, FilterSet>> {
    Message request(RTM_GETLINK, NLM_F_DUMP);
    request.put_fixed(ifinfomsg{});
    request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS | kExtFilterRxFilter);
    std::map<std::uint32_t, FilterSet> filters;
    const auto got = socket.request(request.header(),
                                    [&](const nlmsghdr& answer) { return add_stated(filters, answer, attribute); });
    if (!got) return std::unexpected(got.error());
    return filters;
  });
}

}  // namespace rxf::netlink
