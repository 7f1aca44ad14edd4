// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/status.h"

#include "loader/mirror/allmulti_count.h"
#include "loader/mirror/arming.h"
#include "loader/mirror/damaged_records.h"
#include "loader/mirror/early_hook.h"
#include "loader/mirror/guards.h"
#include "loader/mirror/in_front.h"
#include "loader/mirror/orphans.h"
#include "loader/mirror/promises.h"
#include "loader/mirror/upper_identity.h"
#include "loader/model/plan.h"

namespace rxf::mirror {
namespace {

Count count_of(const rxf_counter& counter) { return {.packets = counter.packets, .bytes = counter.bytes}; }

Result<Counters> counters_at(const Lowerdev& device, std::uint32_t key) {
  const auto raw = device.maps.counters(key);
  if (!raw) return std::unexpected(raw.error());
  return Counters{.admitted = count_of(raw->admitted),
                  .dropped = {{Verdict::vlan, count_of(raw->dropped_vlan)},
                              {Verdict::broadcast, count_of(raw->dropped_broadcast)},
                              {Verdict::multicast, count_of(raw->dropped_multicast)},
                              {Verdict::unicast, count_of(raw->dropped_unicast)}}};
}

Result<UpperStatus> upper_status(Lowerdev& device, const Upper& upper,
                                 const std::map<std::uint32_t, rxf_upper>& entries) {
  UpperStatus status{.name = upper.name, .ifindex = upper.ifindex, .mode = upper.mode, .filter = upper.filter};
  const auto entry = entries.find(upper.ifindex);
  if (entry == entries.end()) return status;
  const auto attached = guard_is_attached(device, upper.ifindex, entry->second);
  if (!attached) return std::unexpected(attached.error());
  status.guard = *attached;
  auto counters = counters_at(device, RXF_COUNTERS_FIRST_GUARD + entry->second.index);
  if (!counters) return std::unexpected(counters.error());
  status.counters = std::move(*counters);
  return status;
}

// "promiscuity 4294967295": somebody toggled an upper that was down (docs/semantics.md, "Kernel lists").
void check_count(const Lowerdev& device, const char* what, std::uint32_t count, std::vector<std::string>& problems) {
  if (count < 1U << 31) return;
  problems.push_back(device.link.name + "'s " + what + " count has run below zero (" + std::to_string(count) +
                     "), for ever: only a new device helps");
}

void find_problems(const Lowerdev& device, EarlyHook wanted, LowerdevStatus& status) {
  const std::string mend = ": rxfilter-loader attach " + device.link.name;
  if (status.confirm && status.confirm->seconds_left == 0)
    status.problems.push_back("not confirmed in time: nothing is dropped" + mend + " undoes it and begins anew, " +
                              "rxfilter-loader detach " + device.link.name + " ends it");
  if (status.early == EarlyHook::none && wanted != EarlyHook::none)
    status.problems.push_back("the early drop is not attached" + mend);
  for (const UpperStatus& upper : status.uppers)
    if (!upper.filter.unfiltered() && !upper.guard)
      status.problems.push_back(upper.name + " has no guard and may receive more than it asked for" + mend);
  check_count(device, "promiscuity", device.link.promiscuity, status.problems);
  check_count(device, "allmulti", device.link.allmulti.value_or(0), status.problems);
}

Result<void> add(LowerdevStatus& status, const Result<std::vector<std::string>>& problems) {
  if (!problems) return std::unexpected(problems.error());
  status.problems.insert(status.problems.end(), problems->begin(), problems->end());
  return {};
}

// The choice, and why frames are dropped where they are now.
Result<HookChoice> explained_choice(const Lowerdev& device, const rxf_meta& meta, const LowerdevPlan& plan,
                                    EarlyHook now) {
  const auto traits = traits_of(device.link);
  if (!traits) return std::unexpected(traits.error());
  auto choice = choose_hook(*traits, requested_mode(meta));
  if (!choice) return choice;
  if (choice->may_fall_back && now == EarlyHook::tc) choice->reason += " refused native XDP";
  if (choice->hook != EarlyHook::none) choice->reason += "; " + plan.early.reason;
  return choice;
}

}  // namespace

Result<LowerdevStatus> status_of(Lowerdev& device) {
  const auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const auto records = device.records();
  if (!records) return std::unexpected(records.error());
  const auto snapshot = device.whole_snapshot(*records);
  if (!snapshot) return std::unexpected(snapshot.error());
  const LowerdevPlan planned = plan(*snapshot);
  const auto entries = device.maps.uppers();
  if (!entries) return std::unexpected(entries.error());
  const auto early = early_state(device, *meta);
  if (!early) return std::unexpected(early.error());
  auto choice = explained_choice(device, *meta, planned, early->hook);
  if (!choice) return std::unexpected(choice.error());
  auto counters = counters_at(device, RXF_COUNTERS_EARLY);
  if (!counters) return std::unexpected(counters.error());
  const auto arming = arming_of(device.maps);
  if (!arming) return std::unexpected(arming.error());

  LowerdevStatus status{.device = device.link.name,
                        .ifindex = device.link.ifindex,
                        .early = early->hook,
                        .reason = std::move(choice->reason),
                        .dispatcher = early->dispatcher,
                        .pin_directory = device.pins.path(),
                        .shadow = arming->shadow,
                        .confirm = unconfirmed(*arming, boot_now()),
                        .early_counters = std::move(*counters)};
  for (const Upper& upper : snapshot->uppers) {
    auto one = upper_status(device, upper, *entries);
    if (!one) return std::unexpected(one.error());
    status.uppers.push_back(std::move(*one));
  }
  if (auto done = add(status, lost_filter_sets(device)); !done) return std::unexpected(done.error());
  if (auto done = add(status, damaged_record_problems(device)); !done) return std::unexpected(done.error());
  find_problems(device, choice->hook, status);
  for (auto& problems : {broken_promises(device, *snapshot, planned), in_front_problems(device),
                         orphan_problems(device.host, device.pins.root(), device.link)})
    if (auto done = add(status, problems); !done) return std::unexpected(done.error());
  find_unexplained_allmulti(device, status);
  return status;
}

}  // namespace rxf::mirror
