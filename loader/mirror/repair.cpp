// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/repair.h"

#include <unistd.h>

#include <algorithm>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/pin_identity.h"
#include "loader/datapath/tc_filter.h"

namespace rxf::mirror {
namespace {

using datapath::PinDirectory;
using datapath::RuleMaps;

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// By the map that tells which programs are ours.
bool is_in_force(const PinDirectory& pins) {
  const auto map = datapath::pinned_rules_map_id(pins.path());
  return map && datapath::is_map_used(*map).value_or(false);
}

// Those of another layout are another version's, and whole for all we know.
bool is_of_another_version(const PinDirectory& pins) {
  const auto identity = datapath::pin_identity(pins.path());
  return identity && identity->abi != RXF_ABI_VERSION;
}

// What a command of this binary would have attached to the uppers, by where it is.
Result<void> find_guards(RuleMaps& maps, const Host& host, const netlink::Link& link) {
  std::uint32_t index = 0;
  for (const netlink::Link* upper : host.uppers_of(link.ifindex)) {
    const auto guard = datapath::find_tc(
        {.ifindex = upper->ifindex, .hook = datapath::TcHook::ingress, .program = datapath::kGuardProgram},
        maps.rules_map_id());
    if (!guard) return std::unexpected(guard.error());
    if (guard->prog_id == 0) continue;
    rxf_upper entry{.index = index++ % RXF_MAX_UPPERS, .guard = *guard};
    upper->name.copy(entry.name, sizeof(entry.name) - 1);
    std::ranges::copy(upper->address.bytes, entry.address);
    if (auto done = maps.put_upper(upper->ifindex, entry); !done) return done;
  }
  return {};
}

Result<void> replace(const PinDirectory& pins, const std::vector<std::string>& damaged, const Host& host,
                     const netlink::Link& link) {
  for (const std::string& name : damaged) ::unlink((pins.path() + "/" + name).c_str());
  const auto object = datapath::load_object(datapath::embedded_object(), nullptr, {}, pins.path());
  if (!object) return std::unexpected(object.error());
  auto maps = RuleMaps::open(pins.path());
  if (!maps) return std::unexpected(maps.error());
  if (contains(damaged, "uppers"))
    if (auto done = find_guards(*maps, host, link); !done) return done;
  if (!contains(damaged, "meta")) return {};
  rxf_meta meta{.abi = RXF_ABI_VERSION, .ifindex = link.ifindex, .netns_cookie = host.netns_cookie};
  link.name.copy(meta.name, sizeof(meta.name) - 1);
  return maps->put_meta(meta);
}

std::string note_of(const PinDirectory& pins, const std::vector<std::string>& damaged, Repair repair) {
  std::string list;
  for (const std::string& name : damaged) list += (list.empty() ? "" : ", ") + name;
  const std::string lists = contains(damaged, "filters") ? "; what was put on the kernel's lists of uppers stays" : "";
  return "pins at " + pins.path() + " were missing or not rxfilter's (" + list + "): " +
         (repair == Repair::identity ? "made anew, the filter sets stay" : "what was attached by them was removed") +
         lists;
}

}  // namespace

Result<Repair> repair_pins(const Context& context, const Host& host, const netlink::Link& link,
                           std::vector<std::string>& notes) {
  const PinDirectory pins = pins_of(context, host, link.name);
  const auto lock = pins.lock(PinDirectory::Access::write);
  if (!lock && lock.error().code == ENOENT) return Repair::nothing;
  if (!lock) return std::unexpected(lock.error());
  if (is_of_another_version(pins)) return Repair::nothing;
  const auto damaged = RuleMaps::damaged(pins.path());
  if (damaged.empty() || !is_in_force(pins)) return Repair::nothing;
  if (auto done = replace(pins, damaged, host, link); !done)
    return wrap(done.error(), "the pins at " + pins.path() + " are damaged");
  const Repair repair = damaged == std::vector<std::string>{"meta"} ? Repair::identity : Repair::everything;
  notes.push_back(note_of(pins, damaged, repair));
  return repair;
}

}  // namespace rxf::mirror
