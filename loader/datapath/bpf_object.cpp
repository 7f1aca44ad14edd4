// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/bpf_object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "rx_filter.skel.h"

namespace rxf::datapath {
namespace {

std::string last_message;  // of libbpf or libxdp, warnings only

void remember(const char* format, va_list arguments) {
  std::array<char, 1024> buffer{};
  std::vsnprintf(buffer.data(), buffer.size(), format, arguments);
  std::string text(buffer.data());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty()) last_message = text;
}

int keep_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_WARN) remember(format, arguments);
  return 0;
}

int keep_libxdp(libxdp_print_level level, const char* format, va_list arguments) {
  if (level == LIBXDP_WARN) remember(format, arguments);
  return 0;
}

Result<void> configure(bpf_object* object, const rxf_config& config) {
  bpf_map* rodata = bpf_object__find_map_by_name(object, ".rodata");
  if (rodata == nullptr) return system_error(ENOENT, "the BPF object has no .rodata");
  if (const int error = bpf_map__set_initial_value(rodata, &config, sizeof(config)); error != 0)
    return system_error(error, "configure the BPF object");
  return {};
}

void choose_program(bpf_object* object, const char* wanted) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const bool load = wanted != nullptr && std::strcmp(bpf_program__name(program), wanted) == 0;
    bpf_program__set_autoload(program, load);
  }
}

Result<void> choose_pins(bpf_object* object, const std::string& directory, std::span<const char* const> shared) {
  for (const char* name : shared) {
    bpf_map* map = bpf_object__find_map_by_name(object, name);
    if (map == nullptr) return system_error(ENOENT, std::string("the BPF object has no map ") + name);
    if (const int error = bpf_map__set_pin_path(map, (directory + "/" + name).c_str()); error != 0)
      return system_error(error, "pin path " + directory + "/" + name);
  }
  return {};
}

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};

bool kernel_has_function(const btf* types, const char* name) {
  return btf__find_by_name_kind(types, name, BTF_KIND_FUNC) > 0;
}

std::uint32_t find_sight() {
  capture_library_messages();
  const std::unique_ptr<btf, FreeBtf> types(btf__load_vmlinux_btf());
  if (types == nullptr) return RXF_SIGHT_NONE;
  if (kernel_has_function(types.get(), "bpf_cast_to_kern_ctx") && kernel_has_function(types.get(), "bpf_rdonly_cast"))
    return RXF_SIGHT_CAST;
  const bool probe = libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_probe_read_kernel, nullptr) == 1 &&
                     libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_probe_read_kernel, nullptr) == 1;
  return probe ? RXF_SIGHT_PROBE : RXF_SIGHT_NONE;
}

}  // namespace

std::uint32_t device_sight() {
  static const std::uint32_t sight = find_sight();
  return sight;
}

std::span<const std::byte> embedded_object() {
  std::size_t size = 0;
  const void* bytes = rx_filter::elf_bytes(&size);
  return {static_cast<const std::byte*>(bytes), size};
}

Result<ObjectPtr> open_object(std::span<const std::byte> elf, const char* program, const rxf_config& config,
                              const std::string& pin_directory, std::span<const char* const> shared) {
  capture_library_messages();
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "rx_filter");
  ObjectPtr object(bpf_object__open_mem(elf.data(), elf.size(), &options));
  if (!object) return system_error(errno, "open the BPF object");
  if (auto done = configure(object.get(), config); !done) return std::unexpected(done.error());
  choose_program(object.get(), program);
  if (pin_directory.empty()) return object;
  if (auto done = choose_pins(object.get(), pin_directory, shared); !done) return std::unexpected(done.error());
  return object;
}

Result<ObjectPtr> load_object(std::span<const std::byte> elf, const char* program, const rxf_config& config,
                              const std::string& pin_directory, std::span<const char* const> shared) {
  auto object = open_object(elf, program, config, pin_directory, shared);
  if (!object) return object;
  last_message.clear();
  if (const int error = bpf_object__load(object->get()); error != 0) {
    if (error == -EPERM)
      return system_error(error, "load BPF programs and maps (CAP_BPF and CAP_NET_ADMIN are needed)");
    return system_error(error, "load the BPF object" + (last_message.empty() ? "" : " (" + last_message + ")"));
  }
  return object;
}

int program_fd(const ObjectPtr& object, const char* program) {
  bpf_program* found = bpf_object__find_program_by_name(object.get(), program);
  return found == nullptr ? -1 : bpf_program__fd(found);
}

Result<ProgramInfo> program_info(int fd) {
  bpf_prog_info raw{};
  __u32 length = sizeof(raw);
  if (bpf_obj_get_info_by_fd(fd, &raw, &length) != 0) return system_error(errno, "BPF program information");
  ProgramInfo info{.id = raw.id, .name = raw.name};
  std::copy(std::begin(raw.tag), std::end(raw.tag), info.tag.begin());
  return info;
}

Result<Fd> program_by_id(std::uint32_t id) {
  Fd fd(bpf_prog_get_fd_by_id(id));
  if (!fd) return system_error(errno, "BPF program id " + std::to_string(id));
  return fd;
}

Result<bool> same_instructions(std::uint32_t program_id, int other_fd) {
  const auto fd = program_by_id(program_id);
  if (!fd) return fd.error().code == ENOENT ? Result<bool>(false) : std::unexpected(fd.error());
  const auto one = program_info(fd->get());
  if (!one) return std::unexpected(one.error());
  const auto other = program_info(other_fd);
  if (!other) return std::unexpected(other.error());
  return one->tag == other->tag;
}

Result<std::vector<std::uint32_t>> map_ids(int program_fd) {
  std::vector<std::uint32_t> ids(64);
  bpf_prog_info raw{};
  raw.nr_map_ids = static_cast<__u32>(ids.size());
  raw.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  __u32 length = sizeof(raw);
  if (bpf_obj_get_info_by_fd(program_fd, &raw, &length) != 0) return system_error(errno, "BPF program information");
  ids.resize(std::min<std::size_t>(raw.nr_map_ids, ids.size()));
  return ids;
}

Result<bool> uses_map(std::uint32_t program_id, std::uint32_t map_id) {
  const auto fd = program_by_id(program_id);
  if (!fd) return fd.error().code == ENOENT ? Result<bool>(false) : std::unexpected(fd.error());
  const auto ids = map_ids(fd->get());
  if (!ids) return std::unexpected(ids.error());
  return std::ranges::find(*ids, map_id) != ids->end();
}

Result<bool> is_program(std::uint32_t program_id, const char* name, std::uint32_t map_id) {
  const auto fd = program_by_id(program_id);
  if (!fd) return fd.error().code == ENOENT ? Result<bool>(false) : std::unexpected(fd.error());
  const auto info = program_info(fd->get());
  if (!info) return std::unexpected(info.error());
  return info->name == name ? uses_map(program_id, map_id) : false;
}

void capture_library_messages() {
  libbpf_set_print(keep_libbpf);
  libxdp_set_print(keep_libxdp);
}

std::string last_library_message() { return last_message; }

}  // namespace rxf::datapath
