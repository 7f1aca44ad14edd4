// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/program_config.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <vector>

#include "loader/datapath/bpf_object.h"

namespace rxf::datapath {
namespace {

using Bytes = std::vector<std::byte>;

// The kernel cuts map names to 15 characters, of which libbpf takes up to 8 for the object's.
constexpr std::string_view kRodata = ".rodata";

// Empty where the map is another one.
Result<Bytes> read_rodata(std::uint32_t map_id) {
  const Fd fd(bpf_map_get_fd_by_id(map_id));
  if (!fd) return system_error(errno, "BPF map id " + std::to_string(map_id));
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) return system_error(errno, "BPF map information");
  if (!std::string_view(info.name).ends_with(kRodata) || info.max_entries != 1) return Bytes{};
  Bytes bytes(info.value_size);
  const __u32 key = 0;
  if (bpf_map_lookup_elem(fd.get(), &key, bytes.data()) != 0) return system_error(errno, "read a program's .rodata");
  return bytes;
}

Result<Bytes> configuration(int program_fd) {
  const auto ids = map_ids(program_fd);
  if (!ids) return std::unexpected(ids.error());
  for (const std::uint32_t id : *ids) {
    auto bytes = read_rodata(id);
    if (!bytes || !bytes->empty()) return bytes;
  }
  return Bytes{};
}

}  // namespace

Result<bool> same_configuration(std::uint32_t program_id, int other_fd) {
  const auto fd = program_by_id(program_id);
  if (!fd) return fd.error().code == ENOENT ? Result<bool>(false) : std::unexpected(fd.error());
  const auto one = configuration(fd->get());
  if (!one) return std::unexpected(one.error());
  const auto other = configuration(other_fd);
  if (!other) return std::unexpected(other.error());
  return *one == *other;
}

}  // namespace rxf::datapath
