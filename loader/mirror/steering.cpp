// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/steering.h"

#include <algorithm>

#include "loader/datapath/bpf_object.h"
#include "loader/mirror/tc_attachment.h"

namespace rxf::mirror {
namespace {

TcAttachment steering_at(Lowerdev& device, rxf_meta& meta, datapath::TcHook hook) {
  const bool egress = hook == datapath::TcHook::egress;
  return {.link = device.link,
          .hook = hook,
          .program = datapath::kSteerProgram,
          .config = {.egress = egress ? 1U : 0U},
          .note = [&device, &meta] { return device.maps.put_meta(meta); },
          .noted = egress ? meta.steer_egress : meta.steer_ingress};
}

bool is_needed(const LowerdevPlan& plan, datapath::TcHook hook) {
  return std::any_of(plan.uppers.begin(), plan.uppers.end(), [&](const auto& entry) {
    const UpperPlan& upper = entry.second;
    return !upper.steered.empty() && (hook == datapath::TcHook::ingress || upper.steer_egress);
  });
}

}  // namespace

Result<bool> ensure_steering(Lowerdev& device, const LowerdevPlan& plan, bool refresh,
                             std::vector<std::string>& notes) {
  auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  bool changed = false;
  if (is_needed(plan, datapath::TcHook::ingress)) {
    const auto attached =
        ensure_attached(device, steering_at(device, *meta, datapath::TcHook::ingress), refresh, notes);
    if (!attached) return attached;
    changed = *attached;
  }
  if (!is_needed(plan, datapath::TcHook::egress)) return changed;
  const auto attached = ensure_attached(device, steering_at(device, *meta, datapath::TcHook::egress), refresh, notes);
  if (attached) return changed || *attached;
  notes.push_back("what siblings send to further unicast addresses goes to the wire, not to the upper that has them: " +
                  attached.error().text);
  return changed;
}

Result<std::vector<datapath::TcHook>> missing_steering(Lowerdev& device, const LowerdevPlan& plan) {
  auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  std::vector<datapath::TcHook> missing;
  for (const datapath::TcHook hook : {datapath::TcHook::ingress, datapath::TcHook::egress}) {
    if (!is_needed(plan, hook)) continue;
    const datapath::TcPlace place{.ifindex = device.link.ifindex, .hook = hook, .program = datapath::kSteerProgram};
    const auto there =
        is_attached(device, place, hook == datapath::TcHook::egress ? meta->steer_egress : meta->steer_ingress);
    if (!there) return std::unexpected(there.error());
    if (!*there) missing.push_back(hook);
  }
  return missing;
}

Result<void> remove_surplus_steering(Lowerdev& device, const LowerdevPlan& plan) {
  auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  for (const datapath::TcHook hook : {datapath::TcHook::egress, datapath::TcHook::ingress}) {
    if (is_needed(plan, hook)) continue;
    // The clsact stays as long as anything of ours is on it, so whoever is left has to remember that we made it.
    rxf_tc_filter& noted = hook == datapath::TcHook::egress ? meta->steer_egress : meta->steer_ingress;
    rxf_tc_filter& heir = hook == datapath::TcHook::egress ? meta->steer_ingress : meta->early;
    if (noted.made_qdisc != 0 && heir.prog_id != 0) std::swap(noted.made_qdisc, heir.made_qdisc);
    if (auto done = ensure_detached(device, steering_at(device, *meta, hook)); !done) return done;
  }
  return {};
}

}  // namespace rxf::mirror
