// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/own_programs.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/pin_directory.h"
#include "loader/datapath/pin_identity.h"

namespace rxf::datapath {
namespace {

constexpr std::array<std::string_view, 4> kPrograms = {kGuardProgram, kEarlyTcProgram, kEarlyXdpProgram, kSteerProgram};
constexpr std::string_view kRulesMap = "slots";

// 0 where it has none.
Result<std::uint32_t> rules_map_of(int program_fd) {
  const auto ids = map_ids(program_fd);
  if (!ids) return std::unexpected(ids.error());
  for (const std::uint32_t id : *ids) {
    const Fd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &length) != 0) continue;
    if (info.name == kRulesMap) return info.id;
  }
  return 0;
}

}  // namespace

Result<std::optional<OwnProgram>> own_program(std::uint32_t id) {
  const auto fd = program_by_id(id);
  if (!fd && fd.error().code == ENOENT) return std::nullopt;
  if (!fd) return std::unexpected(fd.error());
  const auto info = program_info(fd->get());
  if (!info) return std::unexpected(info.error());
  if (std::ranges::find(kPrograms, info->name) == kPrograms.end()) return std::nullopt;
  const auto rules_map = rules_map_of(fd->get());
  if (!rules_map) return std::unexpected(rules_map.error());
  if (*rules_map == 0) return std::nullopt;
  return OwnProgram{.id = id, .name = info->name, .rules_map = *rules_map};
}

Result<std::set<std::uint32_t>> pinned_rules_maps(const std::string& root) {
  const auto directories = pin_directories(root);
  if (!directories) return std::unexpected(directories.error());
  std::set<std::uint32_t> maps;
  for (const std::string& path : *directories)
    if (const auto map = pinned_rules_map_id(path)) maps.insert(*map);
  return maps;
}

}  // namespace rxf::datapath
