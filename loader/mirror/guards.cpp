// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/guards.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "loader/datapath/bpf_object.h"

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

// What tells it from another device that has got its ifindex.
void note_identity(const netlink::Link& upper, rxf_upper& entry) {
  std::fill(std::begin(entry.name), std::end(entry.name), '\0');
  std::copy_n(upper.name.begin(), std::min(upper.name.size(), sizeof(entry.name) - 1), entry.name);
  std::copy(upper.address.bytes.begin(), upper.address.bytes.end(), entry.address);
}

Result<rxf_upper> new_entry(Lowerdev& device) {
  const auto index = free_index(device);
  if (!index) return std::unexpected(index.error());
  rxf_upper entry{.index = *index};
  if (auto done = device.maps.reset_counters(RXF_COUNTERS_FIRST_GUARD + *index); !done)
    return std::unexpected(done.error());
  return entry;
}

}  // namespace

TcAttachment guard_of(Lowerdev& device, const netlink::Link& upper, rxf_upper& entry) {
  return {.link = upper,
          .hook = datapath::TcHook::ingress,
          .program = datapath::kGuardProgram,
          .config = {.guard_index = entry.index},
          .note = [&device, &entry, ifindex = upper.ifindex] { return device.maps.put_upper(ifindex, entry); },
          .noted = entry.guard};
}

Result<bool> guard_is_attached(const Lowerdev& device, std::uint32_t ifindex, const rxf_upper& entry) {
  return is_attached(
      device, {.ifindex = ifindex, .hook = datapath::TcHook::ingress, .program = datapath::kGuardProgram}, entry.guard);
}

Result<std::uint32_t> ensure_guard(Lowerdev& device, const netlink::Link& upper, bool refresh, bool& changed,
                                   std::vector<std::string>& notes) {
  const auto uppers = device.maps.uppers();
  if (!uppers) return std::unexpected(uppers.error());
  const auto known = uppers->find(upper.ifindex);
  auto entry = known != uppers->end() ? Result<rxf_upper>(known->second) : new_entry(device);
  if (!entry) return std::unexpected(entry.error());

  const rxf_upper noted = *entry;
  note_identity(upper, *entry);
  const auto attached = ensure_attached(device, guard_of(device, upper, *entry), refresh, notes);
  if (!attached) return std::unexpected(attached.error());
  changed = changed || *attached;
  if (!*attached && std::memcmp(&noted, &*entry, sizeof(noted)) != 0)
    if (auto done = device.maps.put_upper(upper.ifindex, *entry); !done) return std::unexpected(done.error());
  return entry->index;
}

Result<void> remove_guard(Lowerdev& device, std::uint32_t ifindex, rxf_upper entry) {
  if (const netlink::Link* upper = device.host.find(ifindex); upper != nullptr)
    if (auto done = ensure_detached(device, guard_of(device, *upper, entry)); !done) return done;
  return device.maps.erase_upper(ifindex);
}

}  // namespace rxf::mirror
