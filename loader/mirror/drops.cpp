// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/drops.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/drop_ring.h"
#include "loader/mirror/lookup.h"

namespace rxf::mirror {
namespace {

std::unexpected<Error> tells_nothing(const std::string& device) {
  return std::unexpected(Error{.text = "the programs on " + device +
                                       " do not tell what they drop, being an earlier version's: rxfilter-loader "
                                       "attach " +
                                       device + " upgrades them",
                               .code = ESTALE});
}

// Of the early drop and of the guards, as noted.
Result<std::vector<std::uint32_t>> programs_of(const Lowerdev& device) {
  const auto meta = device.maps.meta();
  if (!meta) return std::unexpected(meta.error());
  const auto uppers = device.maps.uppers();
  if (!uppers) return std::unexpected(uppers.error());
  std::vector<std::uint32_t> ids = {meta->early_hook == RXF_HOOK_TC ? meta->early.prog_id : meta->xdp_prog_id};
  for (const auto& [ifindex, upper] : *uppers) ids.push_back(upper.guard.prog_id);
  std::erase(ids, 0U);
  return ids;
}

// A `set` of this version leaves the earlier version's programs where they are, beside its own.
Result<void> check_programs(const Lowerdev& device, std::uint32_t lease_map_id) {
  const auto ids = programs_of(device);
  if (!ids) return std::unexpected(ids.error());
  for (const std::uint32_t id : *ids) {
    const auto tells = datapath::uses_map(id, lease_map_id);
    if (!tells) return std::unexpected(tells.error());
    if (!*tells && datapath::program_by_id(id)) return tells_nothing(device.link.name);
  }
  return {};
}

Result<Lowerdev> open_lower(const Context& context, const std::string& name) {
  auto found = find_link(netlink::LinkName{.name = name});
  if (!found) return std::unexpected(found.error());
  if (found->link.is_upper())
    return usage_error(name + " is itself a " + found->link.kind + ": ask its lower device what is dropped");
  return open_lowerdev(context, std::move(found->host), found->link, datapath::PinDirectory::Access::write);
}

}  // namespace

// The ring's sink knows where it is.
struct DropListener::State {
  std::string device;
  Sink sink;
  std::optional<datapath::DropRing> ring{};
  std::map<std::uint32_t, std::string> names{};  // of uppers, by ifindex; forgotten at every renewal

  void hear(const rxf_drop& drop);
  const std::string& name_of(std::uint32_t ifindex);
};

const std::string& DropListener::State::name_of(std::uint32_t ifindex) {
  const auto [entry, is_new] = names.try_emplace(ifindex);
  if (!is_new) return entry->second;
  std::array<char, IF_NAMESIZE> name{};
  const bool found = if_indextoname(ifindex, name.data()) != nullptr;
  return entry->second = found ? name.data() : "ifindex " + std::to_string(ifindex);
}

void DropListener::State::hear(const rxf_drop& drop) {
  DroppedFrame frame{.device = device,
                     .reason = static_cast<Verdict>(drop.reason),
                     .enforced = (drop.flags & RXF_DROP_SHADOWED) == 0,
                     .time = drop.time,
                     .packets = drop.packets,
                     .length = drop.length};
  if (drop.hook != RXF_COUNTERS_EARLY) frame.upper = name_of(drop.ifindex);
  if (drop.tpid != 0) frame.metadata = VlanTag{.tpid = drop.tpid, .tci = drop.tci};
  const auto captured = std::min<std::size_t>(drop.captured, std::size(drop.frame));
  frame.bytes.assign(std::begin(drop.frame), std::begin(drop.frame) + captured);
  sink(frame);
}

void DropListener::Forget::operator()(State* state) const { delete state; }

Result<DropListener> DropListener::open(const Context& context, const std::string& name, std::uint64_t rate,
                                        Sink sink) {
  const auto device = open_lower(context, name);
  if (!device) return std::unexpected(device.error());
  DropListener listener({new State{.device = device->link.name, .sink = std::move(sink)}, Forget{}});
  auto ring = datapath::DropRing::open(device->pins.path(), rate, boot_now(),
                                       [at = listener.state_.get()](const rxf_drop& drop) { at->hear(drop); });
  if (!ring && ring.error().code == ENOENT) return tells_nothing(device->link.name);
  if (!ring) return wrap(ring.error(), device->link.name);
  if (auto done = check_programs(*device, ring->lease_map_id()); !done) return std::unexpected(done.error());
  listener.state_->ring.emplace(std::move(*ring));
  return listener;
}

const std::string& DropListener::device() const { return state_->device; }
int DropListener::fd() const { return state_->ring->fd(); }
Result<void> DropListener::take() { return state_->ring->take(); }
std::uint64_t DropListener::untold() const { return state_->ring->unsampled(); }

Result<void> DropListener::renew() {
  state_->names.clear();
  auto renewed = state_->ring->renew(boot_now());
  if (renewed) return renewed;
  if (renewed.error().code == ENOENT)
    return std::unexpected(Error{.text = device() + " has been detached", .code = ENOENT, .exit = Exit::not_attached});
  return wrap(renewed.error(), device());
}

}  // namespace rxf::mirror
