// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/in_front.h"

#include <algorithm>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/own_programs.h"
#include "loader/datapath/tcx.h"
#include "loader/datapath/xdp_program.h"
#include "loader/mirror/early_hook.h"
#include "loader/mirror/guards.h"
#include "loader/mirror/lowerdev.h"
#include "loader/netlink/clsact.h"

namespace rxf::mirror {
namespace {

using datapath::TcHook;

// Empty where it is gone.
Result<std::string> program_name(std::uint32_t id) {
  const auto fd = datapath::program_by_id(id);
  if (!fd) return fd.error().code == ENOENT ? Result<std::string>("") : std::unexpected(fd.error());
  const auto info = datapath::program_info(fd->get());
  return info ? info->name : Result<std::string>(std::unexpected(info.error()));
}

Result<void> name_program(InFront& foreigner) {
  if (foreigner.program_id == 0) return {};
  auto name = program_name(foreigner.program_id);
  if (!name) return std::unexpected(name.error());
  foreigner.program = std::move(*name);
  return {};
}

Result<void> add_tcx(const OurPlace& ours, std::vector<InFront>& found) {
  const auto ids = datapath::tcx_programs(ours.ifindex, *ours.hook);
  if (!ids) return std::unexpected(ids.error());
  for (const std::uint32_t id : *ids)
    found.push_back(
        {.kind = InFront::Kind::tcx, .device = ours.device, .egress = *ours.hook == TcHook::egress, .program_id = id});
  return {};
}

// Several filters of one classifier are named once; ours among them judge like this one.
Result<void> add_tc(netlink::Socket& socket, const OurPlace& ours, std::vector<InFront>& found) {
  const bool egress = *ours.hook == TcHook::egress;
  const auto filters =
      netlink::hook_filters(socket, ours.ifindex, egress ? netlink::Hook::egress : netlink::Hook::ingress);
  if (!filters) return std::unexpected(filters.error());
  for (const netlink::HookFilter& filter : *filters) {
    if (filter.priority >= ours.priority) continue;
    const InFront foreigner{.kind = InFront::Kind::tc,
                            .device = ours.device,
                            .egress = egress,
                            .priority = filter.priority,
                            .classifier = filter.kind,
                            .program_id = filter.program_id};
    if (std::ranges::find(found, foreigner) != found.end()) continue;
    if (filter.program_id != 0) {
      const auto own = datapath::own_program(filter.program_id);
      if (!own) return std::unexpected(own.error());
      if (*own) continue;
    }
    found.push_back(foreigner);
  }
  return {};
}

// Libxdp lists the programs of its dispatcher in the order in which they run.
Result<void> add_xdp(const OurPlace& ours, std::vector<InFront>& found) {
  const auto state = datapath::query_xdp(ours.ifindex);
  if (!state) return std::unexpected(state.error());
  if (!state->has(ours.program_id)) return {};
  for (const datapath::XdpEntry& entry : state->programs) {
    if (entry.id == ours.program_id) break;
    found.push_back({.kind = InFront::Kind::xdp, .device = ours.device, .program_id = entry.id});
  }
  return {};
}

struct OurProgram {
  OurPlace place;
  std::string role;  // "m's guard"
  std::string loss;  // what a frame that is not judged means
};

Result<void> add_guards(const Lowerdev& device, std::vector<OurProgram>& all) {
  const auto entries = device.maps.uppers();
  if (!entries) return std::unexpected(entries.error());
  for (const auto& [ifindex, entry] : *entries) {
    const netlink::Link* upper = device.upper(ifindex);
    if (upper == nullptr) continue;
    const auto there = guard_is_attached(device, ifindex, entry);
    if (!there) return std::unexpected(there.error());
    if (*there)
      all.push_back({.place = {.device = upper->name,
                               .ifindex = ifindex,
                               .hook = TcHook::ingress,
                               .program_id = entry.guard.prog_id,
                               .priority = entry.guard.priority},
                     .role = upper->name + "'s guard",
                     .loss = "frames that " + upper->name + "'s filter set rejects may arrive"});
  }
  return {};
}

Result<void> add_on_lower(const Lowerdev& device, std::vector<OurProgram>& all) {
  const auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const auto early = early_state(device, *meta);
  if (!early) return std::unexpected(early.error());
  const std::string& name = device.link.name;
  const auto place = [&](std::optional<TcHook> hook, const rxf_tc_filter& filter) {
    return OurPlace{.device = name,
                    .ifindex = device.link.ifindex,
                    .hook = hook,
                    .program_id = filter.prog_id,
                    .priority = filter.priority};
  };
  const std::string late = "unwanted frames go on to the guards, which drop them";
  if (early->hook == EarlyHook::tc)
    all.push_back({.place = place(TcHook::ingress, meta->early), .role = name + "'s early drop", .loss = late});
  else if (early->hook != EarlyHook::none)
    all.push_back(
        {.place = place(std::nullopt, {.prog_id = meta->xdp_prog_id}), .role = name + "'s early drop", .loss = late});
  const std::string lost = "frames to further addresses of the uppers are lost";
  if (meta->steer_ingress.prog_id != 0)
    all.push_back({.place = place(TcHook::ingress, meta->steer_ingress), .role = name + "'s steering", .loss = lost});
  if (meta->steer_egress.prog_id != 0)
    all.push_back({.place = place(TcHook::egress, meta->steer_egress), .role = name + "'s steering", .loss = lost});
  return {};
}

std::string next_step(const InFront& foreigner, const OurPlace& ours) {
  const std::string hook = foreigner.egress ? "egress" : "ingress";
  switch (foreigner.kind) {
    case InFront::Kind::tc:
      return "give it a pref above " + std::to_string(ours.priority) + ", or remove it (tc filter del dev " +
             foreigner.device + " " + hook + " pref " + std::to_string(foreigner.priority) + ")";
    case InFront::Kind::tcx:
      return "have it attached as a tc filter with a pref above " + std::to_string(ours.priority) +
             ", or removed by whoever made it (bpftool net show dev " + foreigner.device + ")";
    case InFront::Kind::xdp:
      break;
  }
  return "give it a run priority above rxfilter's 10, or remove it (xdp-loader unload " + foreigner.device + " -i " +
         std::to_string(foreigner.program_id) + ")";
}

}  // namespace

std::string to_string(const InFront& foreigner) {
  const std::string program =
      foreigner.program_id == 0 ? "" : (foreigner.program.empty() ? "a program" : foreigner.program);
  const std::string id = std::to_string(foreigner.program_id);
  if (foreigner.kind == InFront::Kind::tcx) return "tcx program " + foreigner.program + " (id " + id + ")";
  if (foreigner.kind == InFront::Kind::xdp) return "XDP program " + foreigner.program + " (id " + id + ")";
  return "tc filter pref " + std::to_string(foreigner.priority) + " (" + foreigner.classifier +
         (program.empty() ? "" : ", " + program + ", program id " + id) + ")";
}

Result<std::vector<InFront>> in_front_of(netlink::Socket& socket, const OurPlace& ours) {
  std::vector<InFront> found;
  Result<void> done;
  if (!ours.hook) {
    done = add_xdp(ours, found);
  } else {
    done = add_tcx(ours, found);
    if (done) done = add_tc(socket, ours, found);
  }
  if (!done) return wrap(done.error(), ours.device);
  for (InFront& foreigner : found)
    if (auto named = name_program(foreigner); !named) return std::unexpected(named.error());
  return found;
}

Result<std::vector<std::string>> in_front_problems(Lowerdev& device) {
  std::vector<OurProgram> all;
  if (auto done = add_on_lower(device, all); !done) return std::unexpected(done.error());
  if (auto done = add_guards(device, all); !done) return std::unexpected(done.error());
  std::vector<std::string> problems;
  for (const OurProgram& ours : all) {
    const auto found = in_front_of(device.host.socket, ours.place);
    if (!found) return std::unexpected(found.error());
    for (const InFront& foreigner : *found)
      problems.push_back(foreigner.device + ": " + to_string(foreigner) + " stands in front of " + ours.role +
                         (foreigner.egress ? " at egress" : "") +
                         ": what it ends with OK, a redirect or a drop is not judged there, so " + ours.loss + ": " +
                         next_step(foreigner, ours.place));
  }
  return problems;
}

}  // namespace rxf::mirror
