// SPDX-License-Identifier: GPL-2.0-only
// The verbs that are about one upper's filter set.
#include <cerrno>
#include <functional>

#include "loader/datapath/kernel_types.h"
#include "loader/mirror/kernel_filters.h"
#include "loader/mirror/lookup.h"
#include "loader/mirror/operations.h"
#include "loader/mirror/promises.h"
#include "loader/mirror/reconcile.h"
#include "loader/mirror/upper_identity.h"
#include "loader/model/claims.h"
#include "loader/netlink/rx_filter_link.h"

namespace rxf::mirror {
namespace {

using Access = datapath::PinDirectory::Access;
using Rewrite = std::function<Result<EditedFilter>(const FilterSet& now)>;

// The lower device of an upper, opened, and the upper.
struct FoundUpper {
  netlink::Link upper;
  Lowerdev device;
  std::vector<std::string> notes;
};

Result<Found> find_upper_link(const netlink::LinkName& which) {
  auto found = find_link(which);
  if (found && !found->link.is_upper()) return no_upper(found->link.name);
  return found;
}

Result<FoundUpper> find_upper(const Context& context, const netlink::LinkName& which, Access access) {
  auto found = find_upper_link(which);
  if (!found) return std::unexpected(found.error());
  const netlink::Link& upper = found->link;
  const auto lower = lower_of(found->host, upper);
  if (!lower) return std::unexpected(lower.error());
  auto device = open_lowerdev(context, std::move(found->host), *lower, access);
  if (!device) return wrap(device.error(), upper.name);
  std::vector<std::string> notes;
  if (access == Access::write)
    if (auto done = forget_strangers(*device, notes); !done) return std::unexpected(done.error());
  return FoundUpper{std::move(found->link), std::move(*device), std::move(notes)};
}

Result<void> check_claims(FoundUpper& found, const FilterSet& wanted) {
  const auto records = found.device.records();
  if (!records) return std::unexpected(records.error());
  const auto snapshot = found.device.snapshot(*records);
  if (!snapshot) return std::unexpected(snapshot.error());
  return rxf::check_claims(*snapshot, found.upper.ifindex, wanted);
}

// The record is where the set is committed, unless the kernel keeps that.
Result<void> keep(FoundUpper& found, const FilterRecord& record) {
  if (kept_by_kernel(found.upper))
    if (auto done = set_kernel_filter(found.device.host, found.upper, record.filter); !done) return done;
  return found.device.put_record(found.upper.ifindex, record);
}

// `record` with the new filter becomes the committed one; if it cannot be reached, the old one is again.
Result<void> commit(FoundUpper& found, const FilterRecord& old_record, const FilterSet& filter,
                    std::vector<std::string>& notes) {
  FilterRecord record = old_record;
  record.filter = filter;
  if (auto done = keep(found, record); !done) return done;
  const auto reached = reconcile(found.device, {}, notes);
  if (reached) return {};
  auto now = found.device.records();
  if (now) {
    record = (*now)[found.upper.ifindex];  // what is owned by now
    record.filter = old_record.filter;
    std::vector<std::string> unsaid;
    (void)keep(found, record);
    (void)reconcile(found.device, {}, unsaid);
  }
  return wrap(reached.error(), found.upper.name);
}

Result<FilterRecord> record_of(FoundUpper& found) {
  auto records = found.device.records();
  if (!records) return std::unexpected(records.error());
  return (*records)[found.upper.ifindex];
}

Keeper keeper_of(const netlink::Link& upper) { return kept_by_kernel(upper) ? Keeper::kernel : Keeper::maps; }

// Where nothing of ours is on the lower device, the kernel's own filters are all there is.
Result<SetResult> rewrite_in_kernel(const netlink::LinkName& which, const Rewrite& rewritten, const Error& unattached) {
  auto found = find_upper_link(which);
  if (!found) return std::unexpected(found.error());
  if (!kept_by_kernel(found->link)) return std::unexpected(unattached);
  const auto now = kernel_filter(found->host, found->link);
  if (!now) return std::unexpected(now.error());
  auto wanted = rewritten(*now);
  if (!wanted) return wrap(wanted.error(), found->link.name);
  if (auto done = set_kernel_filter(found->host, found->link, wanted->filter); !done)
    return wrap(done.error(), found->link.name);
  SetResult result{.filter = wanted->filter,
                   .keeper = Keeper::kernel,
                   .report = {.changed = wanted->filter != *now, .notes = std::move(wanted->notes)}};
  result.report.notes.push_back("the lower device filters as well as its hardware does, and no better: " +
                                unattached.text);
  return result;
}

Result<SetResult> rewrite(const Context& context, const netlink::LinkName& upper, const Rewrite& rewritten) {
  auto found = find_upper(context, upper, Access::write);
  if (!found && found.error().exit == Exit::not_attached) return rewrite_in_kernel(upper, rewritten, found.error());
  if (!found) return std::unexpected(found.error());
  const auto record = record_of(*found);
  if (!record) return std::unexpected(record.error());
  auto wanted = rewritten(record->filter);
  if (!wanted) return wrap(wanted.error(), found->upper.name);
  if (auto done = check_claims(*found, wanted->filter); !done) return wrap(done.error(), found->upper.name);
  SetResult result{.filter = std::move(wanted->filter),
                   .keeper = keeper_of(found->upper),
                   .report = {.notes = std::move(wanted->notes)}};
  result.report.notes.insert(result.report.notes.end(), found->notes.begin(), found->notes.end());
  for (std::string& taken : vlans_taken_first(found->device, found->upper.name, result.filter))
    result.report.notes.push_back(std::move(taken));
  if (auto done = commit(*found, *record, result.filter, result.report.notes); !done)
    return std::unexpected(done.error());
  result.report.changed = result.filter != record->filter;
  return result;
}

// By the links as they were seen: an upper that came since has no filter set yet. A lower device that goes meanwhile,
// or whose pins are another version's, has none to tell of.
void add_filter_sets(const Context& context, Host& host, const Attached& lower,
                     std::map<std::uint32_t, FilterSet>& sets) {
  const netlink::Link* link = host.find(lower.ifindex);
  if (link == nullptr) return;
  auto found = lock_pins(context, host, *link, Access::read);
  if (!found || !check_layout(found->identity, *link)) return;
  auto maps = datapath::RuleMaps::open(found->pins.path());
  if (!maps) return;
  const netlink::Link copy = *link;
  Lowerdev device{.host = std::move(host),
                  .link = copy,
                  .pins = std::move(found->pins),
                  .lock = std::move(found->lock),
                  .maps = std::move(*maps)};
  if (auto records = device.records())
    for (const netlink::Link* upper : device.host.uppers_of(copy.ifindex))
      sets[upper->ifindex] = std::move((*records)[upper->ifindex].filter);
  host = std::move(device.host);
}

}  // namespace

Result<SetResult> set(const Context& context, const std::string& upper, const FilterEdit& edit) {
  return rewrite(context, {.name = upper}, [&](const FilterSet& now) { return edited(now, edit); });
}

Result<SetResult> change(const Context& context, const netlink::LinkName& upper, const FilterChange& change) {
  return rewrite(context, upper, [&](const FilterSet& now) -> Result<EditedFilter> {
    auto filter = merged(now, change);
    if (!filter) return std::unexpected(filter.error());
    return EditedFilter{.filter = std::move(*filter)};
  });
}

Result<FilterSet> get(const Context& context, const netlink::LinkName& upper) {
  auto found = find_upper(context, upper, Access::read);
  if (!found && found.error().exit == Exit::not_attached)
    if (auto link = find_upper_link(upper); link && kept_by_kernel(link->link))
      return kernel_filter(link->host, link->link);
  if (!found) return std::unexpected(found.error());
  auto record = record_of(*found);
  if (!record) return std::unexpected(record.error());
  return std::move(record->filter);
}

Result<FilterSet> get(const Context& context, const std::string& upper) {
  return get(context, netlink::LinkName{.name = upper});
}

Result<Keeper> keeper(const std::string& upper) {
  const auto found = find_upper_link({.name = upper});
  if (!found) return std::unexpected(found.error());
  return keeper_of(found->link);
}

Result<Report> clear(const Context& context, const std::string& upper) {
  auto done = rewrite(context, {.name = upper}, [](const FilterSet&) { return EditedFilter{}; });
  if (!done) return std::unexpected(done.error());
  return std::move(done->report);
}

Result<std::map<std::uint32_t, FilterSet>> filter_sets(const Context& context) {
  auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  const auto devices = attached_here(context, *host);
  if (!devices) return std::unexpected(devices.error());
  std::map<std::uint32_t, FilterSet> sets;
  for (const Attached& device : *devices) add_filter_sets(context, *host, device, sets);
  if (const auto attribute = datapath::rx_filter_attribute()) {
    const auto kept = netlink::rx_filters(host->socket, *attribute);
    if (!kept) return std::unexpected(kept.error());
    for (const netlink::Link& link : host->links)
      if (kept_by_kernel(link))
        if (const auto filter = kept->find(link.ifindex); filter != kept->end()) sets[link.ifindex] = filter->second;
  }
  return sets;
}

}  // namespace rxf::mirror
