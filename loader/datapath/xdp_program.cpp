// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace rxf::datapath {
namespace {

struct CloseProgram {
  void operator()(xdp_program* program) const { xdp_program__close(program); }
};
struct CloseMultiprog {
  void operator()(xdp_multiprog* programs) const { xdp_multiprog__close(programs); }
};
using ProgramPtr = std::unique_ptr<xdp_program, CloseProgram>;
using MultiprogPtr = std::unique_ptr<xdp_multiprog, CloseMultiprog>;

XdpEntry entry_of(const xdp_program* program) {
  const char* name = xdp_program__name(program);
  return {.id = xdp_program__id(program), .name = name == nullptr ? "" : name};
}

xdp_attach_mode libxdp_mode(XdpMode mode) { return mode == XdpMode::native ? XDP_MODE_NATIVE : XDP_MODE_SKB; }

// nullptr: nothing attached.
Result<MultiprogPtr> programs_on(std::uint32_t ifindex) {
  capture_library_messages();
  xdp_multiprog* programs = xdp_multiprog__get_from_ifindex(static_cast<int>(ifindex));
  const auto error = static_cast<int>(libxdp_get_error(programs));
  if (error == 0) return MultiprogPtr(programs);
  if (error == -ENOENT) return MultiprogPtr();
  return system_error(error, "query the XDP programs");
}

// Only if the program is still the one we mean.
Result<void> detach_single(std::uint32_t ifindex, std::uint32_t id, xdp_attach_mode mode) {
  const auto fd = program_by_id(id);
  if (!fd) return fd.error().code == ENOENT ? Result<void>{} : std::unexpected(fd.error());
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = fd->get());
  const __u32 flags = mode == XDP_MODE_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const int error = bpf_xdp_detach(static_cast<int>(ifindex), flags | XDP_FLAGS_REPLACE, &options);
  if (error == 0 || error == -ENODEV) return {};
  return system_error(error, "detach the XDP program");
}

Result<void> detach_from_dispatcher(std::uint32_t ifindex, std::uint32_t id, xdp_attach_mode mode) {
  const ProgramPtr program(xdp_program__from_id(id));
  if (const auto error = static_cast<int>(libxdp_get_error(program.get())); error != 0)
    return system_error(error, "open XDP program id " + std::to_string(id));
  const int error = xdp_program__detach(program.get(), static_cast<int>(ifindex), mode, 0);
  if (error == 0) return {};
  return system_error(error, "take the XDP program out of the dispatcher (" + last_library_message() + ")");
}

}  // namespace

bool XdpState::has(std::uint32_t id) const {
  return id != 0 &&
         std::any_of(programs.begin(), programs.end(), [&](const XdpEntry& entry) { return entry.id == id; });
}

Result<XdpState> query_xdp(std::uint32_t ifindex) {
  const auto programs = programs_on(ifindex);
  if (!programs) return std::unexpected(programs.error());
  if (*programs == nullptr) return XdpState{};
  xdp_multiprog* all = programs->get();
  XdpState state{.dispatcher = !xdp_multiprog__is_legacy(all)};
  state.mode = xdp_multiprog__attach_mode(all) == XDP_MODE_SKB ? XdpMode::generic : XdpMode::native;
  if (!state.dispatcher) {
    if (const xdp_program* main = xdp_multiprog__main_prog(all); main != nullptr) state.programs = {entry_of(main)};
    return state;
  }
  for (const xdp_program* program = nullptr; (program = xdp_multiprog__next_prog(program, all)) != nullptr;)
    state.programs.push_back(entry_of(program));
  return state;
}

Result<void> check_xdp_free(const XdpState& state) {
  if (!state.mode || state.dispatcher) return {};
  const XdpEntry foreign = state.programs.empty() ? XdpEntry{} : state.programs.front();
  return std::unexpected(Error{.text = "XDP program " + foreign.name + " (id " + std::to_string(foreign.id) +
                                       ") is on the device already and is not replaced: detach it first "
                                       "(ip link set dev DEV xdp off), or use --mode tc",
                               .code = EBUSY});
}

Result<std::uint32_t> attach_xdp(std::uint32_t ifindex, const ObjectPtr& object, XdpMode mode) {
  const auto state = query_xdp(ifindex);
  if (!state) return std::unexpected(state.error());
  if (auto free = check_xdp_free(*state); !free) return std::unexpected(free.error());
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = object.get(), .prog_name = kEarlyXdpProgram);
  const ProgramPtr program(xdp_program__create(&options));
  if (const auto error = static_cast<int>(libxdp_get_error(program.get())); error != 0)
    return system_error(error, "open the XDP program");
  const int error = xdp_program__attach(program.get(), static_cast<int>(ifindex), libxdp_mode(mode), 0);
  if (error != 0)
    return system_error(error,
                        std::string("attach in XDP ") + (mode == XdpMode::native ? "native" : "generic") + " mode");
  return xdp_program__id(program.get());
}

Result<void> detach_xdp(std::uint32_t ifindex, std::uint32_t id) {
  const auto state = query_xdp(ifindex);
  if (!state) return std::unexpected(state.error());
  if (!state->has(id)) return {};
  const xdp_attach_mode mode = libxdp_mode(*state->mode);
  return state->dispatcher ? detach_from_dispatcher(ifindex, id, mode) : detach_single(ifindex, id, mode);
}

}  // namespace rxf::datapath
