// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/migration.h"

#include "loader/datapath/layout_1.h"
#include "loader/mirror/early_hook.h"
#include "loader/mirror/guards.h"
#include "loader/mirror/lookup.h"

namespace rxf::mirror {
namespace {

// The slots are as the earlier version left them until no program of its is under way: those would not see a switch.
Result<void> replace_programs(Lowerdev& device, std::vector<std::string>& notes) {
  const auto entries = device.maps.uppers();
  if (!entries) return std::unexpected(entries.error());
  bool changed = false;
  for (const auto& [ifindex, entry] : *entries) {
    const netlink::Link* upper = device.upper(ifindex);
    if (upper == nullptr) continue;
    const auto there = guard_is_attached(device, ifindex, entry);
    if (!there) return std::unexpected(there.error());
    if (!*there) continue;
    if (const auto done = ensure_guard(device, *upper, true, changed, notes); !done)
      return std::unexpected(done.error());
  }
  const auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const auto early = early_state(device, *meta);
  if (!early) return std::unexpected(early.error());
  // One that somebody removed is no matter of the upgrade.
  if (early->hook != EarlyHook::none)
    if (const auto done = ensure_early_drop(device, requested_mode(*meta), notes); !done)
      return std::unexpected(done.error());
  auto grace = datapath::GracePeriod::create();
  return grace ? grace->wait() : std::unexpected(grace.error());
}

Result<void> note_layout(Lowerdev& device) {
  auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  meta->abi = RXF_ABI_VERSION;
  return device.maps.put_meta(*meta);
}

}  // namespace

Result<Lowerdev> open_upgraded(const Context& context, Host host, const netlink::Link& link,
                               std::vector<std::string>& notes) {
  auto found = lock_pins(context, host, link, datapath::PinDirectory::Access::write);
  if (!found) return std::unexpected(found.error());
  const bool earlier = found->identity.abi == datapath::layout_1::kAbi;
  if (!earlier) {
    if (auto same = check_layout(found->identity, link); !same) return std::unexpected(same.error());
    return open_locked(context, std::move(*found), std::move(host), link);
  }
  if (auto done = datapath::layout_1::convert(found->pins.path()); !done) return wrap(done.error(), found->pins.path());
  auto device = open_locked(context, std::move(*found), std::move(host), link);
  if (!device) return device;
  if (auto done = replace_programs(*device, notes); !done) return wrap(done.error(), "upgrade " + link.name);
  if (auto done = note_layout(*device); !done) return std::unexpected(done.error());
  notes.push_back(link.name + " was attached by an earlier version of rxfilter: upgraded, with its filter sets");
  return device;
}

}  // namespace rxf::mirror
