// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/guards.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/tc_filter.h"
#include "loader/netlink/clsact.h"

namespace rxf::mirror {
namespace {

Result<std::uint32_t> free_index(const Lowerdev& device) {
  const auto uppers = device.maps.uppers();
  if (!uppers) return std::unexpected(uppers.error());
  std::set<std::uint32_t> taken;
  for (const auto& [ifindex, upper] : *uppers) taken.insert(upper.index);
  for (std::uint32_t index = 0; index < RXF_MAX_UPPERS; ++index)
    if (!taken.contains(index) && device.maps.active(index) == RXF_NO_SLOT) return index;
  return system_error(ENOSPC, "more than " + std::to_string(RXF_MAX_UPPERS) + " filtered uppers on one lower device");
}

Result<rxf_upper> new_entry(Lowerdev& device, const netlink::Link& upper) {
  const auto index = free_index(device);
  if (!index) return std::unexpected(index.error());
  rxf_upper entry{.index = *index};
  std::copy_n(upper.name.begin(), std::min(upper.name.size(), sizeof(entry.name) - 1), entry.name);
  if (auto done = device.maps.reset_counters(RXF_COUNTERS_FIRST_GUARD + *index); !done)
    return std::unexpected(done.error());
  return entry;
}

// What an interrupted command may have attached without having noted where.
Result<rxf_tc_filter> find_guard(const Lowerdev& device, std::uint32_t ifindex, const rxf_tc_filter& noted) {
  const auto there = guard_is_attached(device, ifindex, noted);
  if (!there) return std::unexpected(there.error());
  if (*there) return noted;
  auto found = datapath::find_tc(ifindex, device.maps.rules_map_id());
  if (found) found->made_qdisc = noted.made_qdisc;
  return found;
}

}  // namespace

Result<bool> guard_is_attached(const Lowerdev& device, std::uint32_t ifindex, const rxf_tc_filter& filter) {
  if (filter.prog_id == 0) return false;
  const auto id = datapath::query_tc(ifindex, filter);
  if (!id) return std::unexpected(id.error());
  if (*id != filter.prog_id) return false;
  return datapath::uses_map(*id, device.maps.rules_map_id());
}

Result<std::uint32_t> ensure_guard(Lowerdev& device, const netlink::Link& upper, bool refresh, bool& changed) {
  const auto uppers = device.maps.uppers();
  if (!uppers) return std::unexpected(uppers.error());
  const auto known = uppers->find(upper.ifindex);
  auto entry = known != uppers->end() ? Result<rxf_upper>(known->second) : new_entry(device, upper);
  if (!entry) return std::unexpected(entry.error());

  const auto attached = find_guard(device, upper.ifindex, entry->guard);
  if (!attached) return std::unexpected(attached.error());
  const bool noted = attached->prog_id != 0 && attached->prog_id == entry->guard.prog_id;
  if (noted && !refresh) return entry->index;

  const auto object = datapath::load_object(datapath::embedded_object(), datapath::kGuardProgram,
                                            {.guard_index = entry->index}, device.pins.path());
  if (!object) return std::unexpected(object.error());
  const int fd = datapath::program_fd(*object, datapath::kGuardProgram);
  if (noted) {
    const auto current = datapath::same_instructions(attached->prog_id, fd);
    if (!current) return std::unexpected(current.error());
    if (*current) return entry->index;
  }

  const auto has_hook = netlink::has_ingress_hook(device.host.socket, upper);
  if (!has_hook) return std::unexpected(has_hook.error());
  entry->guard = *attached;
  if (!*has_hook) entry->guard.made_qdisc = 1;
  if (auto done = device.maps.put_upper(upper.ifindex, *entry); !done) return std::unexpected(done.error());
  const auto filter = datapath::attach_tc(upper.ifindex, fd, entry->guard);
  if (!filter) return wrap(filter.error(), upper.name);
  entry->guard = *filter;
  changed = true;
  if (auto done = device.maps.put_upper(upper.ifindex, *entry); !done) return std::unexpected(done.error());
  return entry->index;
}

Result<void> remove_guard(Lowerdev& device, std::uint32_t ifindex, const rxf_upper& entry) {
  const netlink::Link* upper = device.host.find(ifindex);
  if (upper != nullptr) {
    const auto attached = find_guard(device, ifindex, entry.guard);
    if (!attached) return std::unexpected(attached.error());
    if (attached->prog_id != 0)
      if (auto done = datapath::detach_tc(ifindex, *attached); !done) return wrap(done.error(), upper->name);
    if (entry.guard.made_qdisc != 0)
      if (auto done = netlink::remove_empty_clsact(device.host.socket, *upper); !done)
        return wrap(done.error(), upper->name);
  }
  return device.maps.erase_upper(ifindex);
}

}  // namespace rxf::mirror
