// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/pin_identity.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/pinned_map.h"

namespace rxf::datapath {
namespace {

constexpr std::size_t kCommonPart = offsetof(rxf_meta, early_hook);
static_assert(kCommonPart == 36, "every layout has it");

}  // namespace

Result<PinIdentity> pin_identity(const std::string& pin_directory) {
  const auto map = open_pinned(pin_directory + "/meta");
  if (!map) return std::unexpected(map.error());
  if (map->info.value_size < kCommonPart) return system_error(EPROTO, pin_directory + "/meta");
  std::vector<std::byte> value(map->info.value_size);
  const __u32 key = 0;
  if (bpf_map_lookup_elem(map->fd.get(), &key, value.data()) != 0)
    return system_error(errno, "read " + pin_directory + "/meta");
  rxf_meta meta{};
  std::memcpy(&meta, value.data(), kCommonPart);
  return PinIdentity{.abi = meta.abi,
                     .ifindex = meta.ifindex,
                     .netns_cookie = meta.netns_cookie,
                     .name = std::string(meta.name, strnlen(meta.name, sizeof(meta.name))),
                     .requested_mode = meta.requested_mode};
}

Result<std::uint64_t> pinned_deadline(const std::string& pin_directory) {
  const auto map = open_pinned(pin_directory + "/mode");
  if (!map) return std::unexpected(map.error());
  rxf_mode mode{};
  if (map->info.value_size != sizeof(mode)) return 0;
  const __u32 key = 0;
  if (bpf_map_lookup_elem(map->fd.get(), &key, &mode) != 0)
    return system_error(errno, "read " + pin_directory + "/mode");
  return mode.deadline;
}

Result<std::uint32_t> pinned_rules_map_id(const std::string& pin_directory) {
  const auto map = open_pinned(pin_directory + "/slots");
  if (!map) return std::unexpected(map.error());
  return map->info.id;
}

Result<bool> is_map_used(std::uint32_t map_id) {
  __u32 id = 0;
  while (bpf_prog_get_next_id(id, &id) == 0) {
    const auto uses = uses_map(id, map_id);
    if (!uses || *uses) return uses;
  }
  if (errno != ENOENT) return system_error(errno, "list BPF programs");
  return false;
}

}  // namespace rxf::datapath
