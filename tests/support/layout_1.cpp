// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/layout_1.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/types.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "loader/netlink/net_namespace.h"
#include "loader/netlink/rx_filter_codec.h"
#include "tests/support/command.h"
#include "tests/support/system_call.h"
#include "tests/support/tc_hook.h"
#include "tests/support/topology.h"

// The records of that version have the names of this one's, and the skeleton holds some of them.
namespace old {
#include "tests/support/layout_1/rx_filter_abi.h"

#include "layout_1.skel.h"
}  // namespace old

namespace rxf::test {
namespace {

constexpr std::uint32_t kPriority = 100;
constexpr std::uint32_t kHandle = 1;
constexpr std::uint32_t kGuardSlot = RXF_SLOT_FIRST_GUARD;
constexpr std::array kMaps = {"mode", "slots", "addresses", "counters", "vlans", "uppers", "filters", "meta"};

struct Destroy {
  void operator()(old::layout_1* skeleton) const { old::layout_1__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<old::layout_1, Destroy>;

std::string make_pin_directory(const std::string& bpffs) {
  const auto cookie = netlink::netns_cookie();
  if (!cookie) throw std::runtime_error(cookie.error().text);
  const std::string parent = bpffs + "/rxfilter";
  const std::string path = parent + "/lower@" + std::to_string(*cookie);
  for (const std::string& directory : {parent, path})
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) checked(-1, "mkdir " + directory);
  return path;
}

Skeleton load(const std::string& pins, const char* wanted, const old::rxf_config& config) {
  Skeleton skeleton(old::layout_1__open());
  if (skeleton == nullptr) throw std::system_error(errno, std::generic_category(), "open layout_1");
  std::memcpy(&skeleton->rodata->rxf_config, &config, sizeof config);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj)
      bpf_program__set_autoload(program, std::strcmp(bpf_program__name(program), wanted) == 0);
  for (const char* name : kMaps)
    bpf_map__set_pin_path(bpf_object__find_map_by_name(skeleton->obj, name), (pins + "/" + name).c_str());
  check_libbpf(old::layout_1__load(skeleton.get()), "load layout_1");
  return skeleton;
}

std::uint32_t program_id(const bpf_program* program) {
  bpf_prog_info info{};
  __u32 length = sizeof info;
  check_libbpf(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length), "program information");
  return info.id;
}

std::uint32_t map_id(const bpf_map* map) {
  bpf_map_info info{};
  __u32 length = sizeof info;
  check_libbpf(bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &length), "map information");
  return info.id;
}

template <class Key, class Value>
void put(const bpf_map* map, const Key& key, const Value& value) {
  check_libbpf(bpf_map_update_elem(bpf_map__fd(map), &key, &value, BPF_ANY), "write a map");
}

std::uint64_t rule_bits(const FilterSet& filter) {
  std::uint64_t bits = RXF_RULE_IN_USE;
  if (filter.addresses->flags.broadcast) bits |= RXF_RULE_BROADCAST;
  if (filter.addresses->flags.allmulti) bits |= RXF_RULE_ALLMULTI;
  return bits;
}

void fill_slot(const Skeleton& maps, std::uint32_t slot, std::uint32_t ifindex, const FilterSet& filter) {
  old::rxf_slot rules{.rules = rule_bits(filter)};
  for (std::uint16_t vid = 1; vid < 4095; ++vid)
    if (filter.vlans->contains(vid)) rules.vlan[vid / 64] |= 1ULL << (vid % 64);
  put(maps->maps.slots, slot, rules);
  AddressSet addresses = filter.addresses->unicast;
  addresses.insert(filter.addresses->multicast.begin(), filter.addresses->multicast.end());
  addresses.insert(Topology::kUpperAddress);
  for (const MacAddress& address : addresses) {
    old::rxf_address_key key{.slot = static_cast<__u16>(slot)};
    std::copy(address.bytes.begin(), address.bytes.end(), std::begin(key.address));
    old::rxf_address value{.ifindex = ifindex};
    to_string(address).copy(value.address, sizeof value.address - 1);
    put(maps->maps.addresses, key, value);
  }
  old::rxf_vlan_list list{.ifindex = ifindex};
  to_string(*filter.vlans).copy(list.vlans, sizeof list.vlans - 1);
  put(maps->maps.vlans, slot, list);
}

// With the entries that it made in the kernel's lists.
void fill_filter(const Skeleton& maps, std::uint32_t ifindex, const FilterSet& filter) {
  const auto value = std::make_unique<old::rxf_filter>();
  const auto message = netlink::encode(filter);
  value->message_length = static_cast<__u32>(message.size());
  std::copy(message.begin(), message.end(), value->message);
  value->owned_unicast = static_cast<__u32>(filter.addresses->unicast.size());
  value->owned_multicast = static_cast<__u32>(filter.addresses->multicast.size());
  std::size_t at = 0;
  for (const AddressSet* owned : {&filter.addresses->unicast, &filter.addresses->multicast})
    for (const MacAddress& address : *owned) std::copy(address.bytes.begin(), address.bytes.end(), value->owned[at++]);
  put(maps->maps.filters, ifindex, *value);
  for (const MacAddress& address : filter.addresses->unicast)
    must_run("bridge fdb add " + to_string(address) + " dev upper self permanent");
  for (const MacAddress& address : filter.addresses->multicast)
    must_run("ip maddr add " + to_string(address) + " dev upper");
}

old::rxf_tc_filter attach_tc(std::uint32_t ifindex, const bpf_program* program) {
  bpf_tc_hook hook = tc_hook(ifindex, BPF_TC_INGRESS);
  make_clsact(hook);
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = kHandle;
  options.priority = kPriority;
  options.prog_fd = bpf_program__fd(program);
  check_libbpf(bpf_tc_attach(&hook, &options), "attach a program of layout 1");
  return {.prog_id = program_id(program), .priority = kPriority, .handle = kHandle, .made_qdisc = 1};
}

void attach_early(const std::string& pins, Layout1Early early, std::uint32_t lower, old::rxf_meta& meta) {
  const bool tc = early == Layout1Early::tc;
  const auto skeleton = load(pins, tc ? "rxf_early_tc" : "rxf_early_xdp", {.stand_down = 1});
  meta.early_hook = tc ? RXF_HOOK_TC : early == Layout1Early::native ? RXF_HOOK_XDP_NATIVE : RXF_HOOK_XDP_GENERIC;
  meta.requested_mode = meta.early_hook;
  meta.judges_vlan = tc ? 1 : 0;
  if (tc) {
    meta.early = attach_tc(lower, skeleton->progs.rxf_early_tc);
    return;
  }
  const __u32 flags = early == Layout1Early::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  check_libbpf(bpf_xdp_attach(static_cast<int>(lower), bpf_program__fd(skeleton->progs.rxf_early_xdp), flags, nullptr),
               "attach an XDP program of layout 1");
  meta.xdp_prog_id = program_id(skeleton->progs.rxf_early_xdp);
}

template <class Get>
bool all_gone(const std::vector<std::uint32_t>& ids, Get get) {
  const auto gone = [&] { return std::all_of(ids.begin(), ids.end(), [&](std::uint32_t id) { return !Fd(get(id)); }); };
  for (int i = 0; i < 200 && !gone(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return gone();
}

}  // namespace

bool Layout1::programs_are_gone() const { return all_gone(programs, bpf_prog_get_fd_by_id); }
bool Layout1::maps_are_gone() const { return all_gone(maps, bpf_map_get_fd_by_id); }

Layout1 attach_layout_1(const std::string& bpffs, Layout1Early early, const FilterSet& filter) {
  Layout1 result{.pin_directory = make_pin_directory(bpffs)};
  const std::uint32_t lower = ifindex_of("lower");
  const std::uint32_t upper = ifindex_of("upper");
  const auto guard = load(result.pin_directory, "rxf_guard", {});
  const __u32 zero = 0;

  fill_filter(guard, upper, filter);
  put(guard->maps.slots, std::uint32_t{RXF_SLOT_HOST}, old::rxf_slot{.rules = RXF_RULE_IN_USE});
  fill_slot(guard, RXF_SLOT_UNION, 0, filter);
  fill_slot(guard, kGuardSlot, upper, filter);
  old::rxf_mode mode{};
  mode.active[0] = kGuardSlot;
  put(guard->maps.mode, zero, mode);
  old::rxf_upper entry{.name = "upper", .guard = attach_tc(upper, guard->progs.rxf_guard)};
  put(guard->maps.uppers, upper, entry);

  old::rxf_meta meta{.abi = 1, .ifindex = lower, .netns_cookie = *netlink::netns_cookie(), .name = "lower"};
  attach_early(result.pin_directory, early, lower, meta);
  put(guard->maps.meta, zero, meta);
  result.programs = {entry.guard.prog_id, meta.early.prog_id != 0 ? meta.early.prog_id : meta.xdp_prog_id};
  result.maps = {map_id(guard->maps.mode), map_id(guard->maps.uppers), map_id(guard->maps.meta)};
  return result;
}

}  // namespace rxf::test
