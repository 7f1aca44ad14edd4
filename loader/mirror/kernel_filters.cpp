// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/kernel_filters.h"

#include <cerrno>

#include "loader/datapath/kernel_types.h"
#include "loader/netlink/rx_filter_link.h"

namespace rxf::mirror {

bool kept_by_kernel(const netlink::Link& upper) {
  return upper.upper_mode == UpperMode::passthru && datapath::rx_filter_attribute().has_value();
}

Result<FilterSet> kernel_filter(Host& host, const netlink::Link& upper) {
  if (!kept_by_kernel(upper)) return FilterSet{};
  auto filter = netlink::get_rx_filter(host.socket, *datapath::rx_filter_attribute(), upper.ifindex);
  if (!filter) return wrap(filter.error(), upper.name);
  return filter->value_or(FilterSet{});
}

Result<void> set_kernel_filter(Host& host, const netlink::Link& upper, const FilterSet& filter) {
  return netlink::set_rx_filter(host.socket, *datapath::rx_filter_attribute(), upper.ifindex, exactly(filter));
}

// One that goes just now is no error: it has no filter set any more.
Result<void> read_kernel_filters(Lowerdev& device, Records& records) {
  for (const netlink::Link* upper : device.host.uppers_of(device.link.ifindex)) {
    if (!kept_by_kernel(*upper)) continue;
    auto filter = kernel_filter(device.host, *upper);
    if (!filter && filter.error().code != ENODEV) return std::unexpected(filter.error());
    FilterRecord& record = records[upper->ifindex];
    record.filter = filter ? std::move(*filter) : FilterSet{};
    if (record.filter.unfiltered() && record.owns_nothing()) records.erase(upper->ifindex);
  }
  return {};
}

}  // namespace rxf::mirror
