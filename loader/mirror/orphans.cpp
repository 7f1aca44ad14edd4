// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/orphans.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include "loader/datapath/own_programs.h"
#include "loader/datapath/pin_directory.h"
#include "loader/datapath/xdp_program.h"
#include "loader/mirror/lookup.h"
#include "loader/mirror/lowerdev.h"
#include "loader/netlink/clsact.h"

namespace rxf::mirror {
namespace {

using datapath::OwnProgram;
using datapath::TcHook;
using Orphans = std::vector<Orphan>;

netlink::Hook netlink_hook(TcHook hook) {
  return hook == TcHook::ingress ? netlink::Hook::ingress : netlink::Hook::egress;
}

// "guard", "early drop", "steering"
std::string role_of(const std::string& program) {
  if (program == datapath::kGuardProgram) return "guard";
  return program == datapath::kSteerProgram ? "steering" : "early drop";
}

// Looks for programs of ours on the hooks of single devices, and leaves out those whose maps somebody has pinned.
class Search {
 public:
  Search(netlink::Socket& socket, std::string root) : socket_(socket), root_(std::move(root)) {}

  Result<Orphans> on(const netlink::Link& link);

 private:
  Result<void> look_at_tc(const netlink::Link& link, TcHook hook);
  Result<void> look_at_xdp(const netlink::Link& link);
  Result<void> consider(Orphan place);
  Result<bool> is_still_there(const Orphan& orphan);

  netlink::Socket& socket_;
  std::string root_;
  std::optional<std::set<std::uint32_t>> pinned_;
  Orphans found_;
};

// Who attaches pins first, and who detaches removes the pins last. So one whose maps are pinned nowhere, and which is
// there all the same when asked after that, is an orphan.
Result<void> Search::consider(Orphan place) {
  const auto own = datapath::own_program(place.program_id);
  if (!own) return std::unexpected(own.error());
  if (!*own) return {};
  if (pinned_ && pinned_->contains((*own)->rules_map)) return {};
  auto pinned = datapath::pinned_rules_maps(root_);
  if (!pinned) return std::unexpected(pinned.error());
  pinned_ = std::move(*pinned);
  if (pinned_->contains((*own)->rules_map)) return {};
  const auto there = is_still_there(place);
  if (!there) return std::unexpected(there.error());
  if (!*there) return {};
  place.program = (*own)->name;
  found_.push_back(std::move(place));
  return {};
}

Result<bool> Search::is_still_there(const Orphan& orphan) {
  if (!orphan.hook) {
    const auto state = datapath::query_xdp(orphan.ifindex);
    if (!state) return std::unexpected(state.error());
    return state->has(orphan.program_id);
  }
  const auto id = datapath::query_tc({.ifindex = orphan.ifindex, .hook = *orphan.hook},
                                     {.priority = orphan.priority, .handle = orphan.handle});
  if (!id) return std::unexpected(id.error());
  return *id == orphan.program_id;
}

Result<void> Search::look_at_tc(const netlink::Link& link, TcHook hook) {
  const auto filters = netlink::hook_filters(socket_, link.ifindex, netlink_hook(hook));
  if (!filters) return wrap(filters.error(), link.name);
  for (const netlink::HookFilter& filter : *filters) {
    if (filter.program_id == 0 || !datapath::is_tc_priority(filter.priority)) continue;
    if (auto done = consider({.ifindex = link.ifindex,
                              .device = link.name,
                              .program_id = filter.program_id,
                              .hook = hook,
                              .priority = filter.priority,
                              .handle = filter.handle});
        !done)
      return done;
  }
  return {};
}

Result<void> Search::look_at_xdp(const netlink::Link& link) {
  const auto state = datapath::query_xdp(link.ifindex);
  if (!state) return wrap(state.error(), link.name);
  for (const datapath::XdpEntry& entry : state->programs)
    if (auto done = consider({.ifindex = link.ifindex, .device = link.name, .program_id = entry.id}); !done)
      return done;
  return {};
}

// An `ingress` qdisc shows its filters at egress as well.
Result<Orphans> Search::on(const netlink::Link& link) {
  found_.clear();
  if (auto done = look_at_tc(link, TcHook::ingress); !done) return std::unexpected(done.error());
  const Orphans at_ingress = found_;
  if (auto done = look_at_tc(link, TcHook::egress); !done) return std::unexpected(done.error());
  std::erase_if(found_, [&](const Orphan& orphan) {
    return orphan.hook == TcHook::egress && std::ranges::any_of(at_ingress, [&](const Orphan& other) {
             return other.program_id == orphan.program_id && other.priority == orphan.priority;
           });
  });
  if (auto done = look_at_xdp(link); !done) return std::unexpected(done.error());
  return std::move(found_);
}

std::vector<const netlink::Link*> family_of(const Host& host, const netlink::Link& device) {
  std::vector<const netlink::Link*> family = host.uppers_of(device.ifindex);
  family.insert(family.begin(), &device);
  return family;
}

Result<void> remove(netlink::Socket& socket, const Orphan& orphan) {
  if (!orphan.hook) return datapath::detach_xdp(orphan.ifindex, orphan.program_id);
  if (auto done = datapath::detach_tc({.ifindex = orphan.ifindex, .hook = *orphan.hook},
                                      {.priority = orphan.priority, .handle = orphan.handle});
      !done)
    return done;
  netlink::Link link;
  link.ifindex = orphan.ifindex;
  return netlink::remove_empty_clsact(socket, link);
}

// Who put the orphan there made the clsact for it, as far as anybody can tell.
Result<void> inherit_clsact(Lowerdev& device, const Orphan& orphan) {
  if (!orphan.hook) return {};
  if (orphan.ifindex != device.link.ifindex) {
    const auto uppers = device.maps.uppers();
    if (!uppers) return std::unexpected(uppers.error());
    const auto entry = uppers->find(orphan.ifindex);
    if (entry == uppers->end() || entry->second.guard.prog_id == 0) return {};
    rxf_upper heir = entry->second;
    heir.guard.made_qdisc = 1;
    return device.maps.put_upper(orphan.ifindex, heir);
  }
  auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  for (rxf_tc_filter* filter : {&meta->early, &meta->steer_ingress, &meta->steer_egress}) {
    if (filter->prog_id == 0) continue;
    filter->made_qdisc = 1;
    return device.maps.put_meta(*meta);
  }
  return {};
}

// Which lower device's commands deal with it, if any does.
std::string next_step(const netlink::Link& device) {
  if (device.is_upper()) return ": rxfilter-loader detach --all removes it";
  return ": rxfilter-loader attach " + device.name + " replaces it, rxfilter-loader detach " + device.name +
         " removes it";
}

// An upper whose lower device is in another namespace is looked at by itself.
bool is_looked_at(const Host& host, const netlink::Link& link) {
  return !link.is_upper() || !link.lower || host.find(*link.lower) == nullptr;
}

}  // namespace

std::string to_string(const Orphan& orphan) {
  const std::string where = !orphan.hook                      ? "XDP"
                            : *orphan.hook == TcHook::ingress ? "tc ingress pref " + std::to_string(orphan.priority)
                                                              : "tc egress pref " + std::to_string(orphan.priority);
  return orphan.device + "'s " + role_of(orphan.program) + " (" + orphan.program + ", program id " +
         std::to_string(orphan.program_id) + ", " + where + ") runs on maps that are pinned nowhere";
}

Result<Orphans> orphans_of(Host& host, const std::string& root, const netlink::Link& device) {
  Search search(host.socket, root);
  Orphans all;
  for (const netlink::Link* link : family_of(host, device)) {
    auto found = search.on(*link);
    if (!found && found.error().code == ENODEV) continue;
    if (!found) return found;
    all.insert(all.end(), found->begin(), found->end());
  }
  return all;
}

Result<std::vector<std::string>> orphan_problems(Host& host, const std::string& root, const netlink::Link& device) {
  const auto orphans = orphans_of(host, root, device);
  if (!orphans) return std::unexpected(orphans.error());
  std::vector<std::string> problems;
  for (const Orphan& orphan : *orphans) problems.push_back(to_string(orphan) + next_step(device));
  return problems;
}

Result<bool> remove_orphans(Host& host, const std::string& root, const netlink::Link& device,
                            std::vector<std::string>& notes) {
  const auto orphans = orphans_of(host, root, device);
  if (!orphans) return std::unexpected(orphans.error());
  for (const Orphan& orphan : *orphans) {
    if (auto done = remove(host.socket, orphan); !done) return wrap(done.error(), orphan.device);
    notes.push_back(to_string(orphan) + ": it was removed");
  }
  return !orphans->empty();
}

Result<bool> replace_orphans(Lowerdev& device, std::vector<std::string>& notes) {
  const auto orphans = orphans_of(device.host, device.pins.root(), device.link);
  if (!orphans) return std::unexpected(orphans.error());
  for (const Orphan& orphan : *orphans) {
    if (auto done = remove(device.host.socket, orphan); !done) return wrap(done.error(), orphan.device);
    notes.push_back(to_string(orphan) + ": it was removed");
    if (auto done = inherit_clsact(device, orphan); !done) return std::unexpected(done.error());
  }
  return !orphans->empty();
}

Result<std::vector<Orphaned>> orphaned(const Context& context) {
  if (auto allowed = check_privilege(); !allowed) return std::unexpected(allowed.error());
  auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  std::vector<Orphaned> all;
  for (const netlink::Link& link : host->links) {
    if (!is_looked_at(*host, link)) continue;
    auto problems = orphan_problems(*host, datapath::pin_root(context.bpffs), link);
    if (!problems) return std::unexpected(problems.error());
    if (!problems->empty())
      all.push_back({.device = link.name, .ifindex = link.ifindex, .problems = std::move(*problems)});
  }
  return all;
}

Result<std::optional<Orphaned>> orphaned_device(const Context& context, const std::string& name) {
  auto found = find_link({.name = name});
  if (!found) return std::unexpected(found.error());
  if (auto looked = found->host.look_again(); !looked) return std::unexpected(looked.error());
  auto problems = orphan_problems(found->host, datapath::pin_root(context.bpffs), found->link);
  if (!problems) return std::unexpected(problems.error());
  if (problems->empty()) return std::nullopt;
  return Orphaned{.device = found->link.name, .ifindex = found->link.ifindex, .problems = std::move(*problems)};
}

Result<Report> remove_all_orphans(const Context& context) {
  if (auto allowed = check_privilege(); !allowed) return std::unexpected(allowed.error());
  auto host = Host::open();
  if (!host) return std::unexpected(host.error());
  Report report{.changed = false};
  const auto links = host->links;
  for (const netlink::Link& link : links) {
    if (!is_looked_at(*host, link)) continue;
    const auto removed = remove_orphans(*host, datapath::pin_root(context.bpffs), link, report.notes);
    if (!removed) return std::unexpected(removed.error());
    report.changed = report.changed || *removed;
  }
  return report;
}

}  // namespace rxf::mirror
