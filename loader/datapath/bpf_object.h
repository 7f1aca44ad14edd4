// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <bpf/libbpf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpf/rx_filter_abi.h"
#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::datapath {

// The programs, by their names in bpf/rx_filter.bpf.c.
inline constexpr const char* kGuardProgram = "rxf_guard";
inline constexpr const char* kEarlyTcProgram = "rxf_early_tc";
inline constexpr const char* kEarlyXdpProgram = "rxf_early_xdp";
inline constexpr const char* kSteerProgram = "rxf_steer";

// Every map that is pinned, under its own name: those of rule_maps.h, then those of drop_ring.h.
inline constexpr std::array<const char*, 11> kMapNames = {
    "mode", "slots", "addresses", "counters", "steering", "vlans", "uppers", "filters", "meta", "drop_lease", "drops"};
inline constexpr std::span<const char* const> kRuleMapNames = std::span(kMapNames).first<9>();

// The compiled programs that this binary carries.
std::span<const std::byte> embedded_object();

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectPtr = std::unique_ptr<bpf_object, CloseObject>;

// How the programs can read the kernel's own state here: RXF_SIGHT_*.
std::uint32_t device_sight();

// Opens `elf` with its configuration set and only `program` to be loaded (nullptr: no program, maps only). With a
// non-empty `pin_directory` the maps found there are reused and missing ones are made and pinned; those that are not
// among `shared` are the object's own.
Result<ObjectPtr> open_object(std::span<const std::byte> elf, const char* program, const rxf_config& config,
                              const std::string& pin_directory, std::span<const char* const> shared = kMapNames);

// Opens and loads. The error has the verifier's last words.
Result<ObjectPtr> load_object(std::span<const std::byte> elf, const char* program, const rxf_config& config,
                              const std::string& pin_directory, std::span<const char* const> shared = kMapNames);

// The descriptor of a loaded program; it belongs to the object.
int program_fd(const ObjectPtr& object, const char* program);

struct ProgramInfo {
  std::uint32_t id = 0;
  std::string name;                              // cut to 15 characters by the kernel
  std::array<std::uint8_t, BPF_TAG_SIZE> tag{};  // of the instructions; the configuration is not in it
};

Result<ProgramInfo> program_info(int fd);
// Error ENOENT where there is none with that id.
Result<Fd> program_by_id(std::uint32_t id);

// Whether a loaded program runs the same instructions as another; false where there is no such program.
Result<bool> same_instructions(std::uint32_t program_id, int other_fd);

// The kernel's ids of the maps that a program uses, the first 64 of them.
Result<std::vector<std::uint32_t>> map_ids(int program_fd);

// Whether the program uses the map; false where there is no such program.
Result<bool> uses_map(std::uint32_t program_id, std::uint32_t map_id);

// The same, of a program with that name.
Result<bool> is_program(std::uint32_t program_id, const char* name, std::uint32_t map_id);

// Keeps libbpf and libxdp from writing to stderr; their last warning goes into our errors instead.
void capture_library_messages();
[[nodiscard]] std::string last_library_message();

}  // namespace rxf::datapath
