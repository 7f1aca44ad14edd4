// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

namespace rxf::datapath {
namespace {

constexpr const char* kDispatcher = "xdp_dispatcher";

struct CloseProgram {
  void operator()(xdp_program* program) const { xdp_program__close(program); }
};
using ProgramPtr = std::unique_ptr<xdp_program, CloseProgram>;

xdp_attach_mode libxdp_mode(XdpMode mode) { return mode == XdpMode::native ? XDP_MODE_NATIVE : XDP_MODE_SKB; }

__u32 mode_flag(XdpMode mode) { return mode == XdpMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE; }

// Only if the program is still the one we mean.
Result<void> detach_single(std::uint32_t ifindex, std::uint32_t id, XdpMode mode) {
  const auto fd = program_by_id(id);
  if (!fd) return fd.error().code == ENOENT ? Result<void>{} : std::unexpected(fd.error());
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = fd->get());
  const int error = bpf_xdp_detach(static_cast<int>(ifindex), mode_flag(mode) | XDP_FLAGS_REPLACE, &options);
  if (error == 0 || error == -ENODEV) return {};
  return system_error(error, "detach the XDP program");
}

Result<std::uint32_t> replace_single(std::uint32_t ifindex, const ObjectPtr& object, std::uint32_t old_id,
                                     XdpMode mode) {
  const auto old = program_by_id(old_id);
  if (!old) return std::unexpected(old.error());
  if (const int error = bpf_object__load(object.get()); error != 0)
    return system_error(error, "load the XDP program (" + last_library_message() + ")");
  const int fd = program_fd(object, kEarlyXdpProgram);
  const auto info = program_info(fd);
  if (!info) return std::unexpected(info.error());
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = old->get());
  const int error = bpf_xdp_attach(static_cast<int>(ifindex), fd, mode_flag(mode), &options);
  if (error != 0) return system_error(error, "replace the XDP program id " + std::to_string(old_id));
  return info->id;
}

Result<void> detach_from_dispatcher(std::uint32_t ifindex, std::uint32_t id, xdp_attach_mode mode) {
  const ProgramPtr program(xdp_program__from_id(id));
  if (const auto error = static_cast<int>(libxdp_get_error(program.get())); error != 0)
    return system_error(error, "open XDP program id " + std::to_string(id));
  const int error = xdp_program__detach(program.get(), static_cast<int>(ifindex), mode, 0);
  if (error == 0) return {};
  return system_error(error, "take the XDP program out of the dispatcher (" + last_library_message() + ")");
}

Result<std::uint32_t> add_xdp(std::uint32_t ifindex, const ObjectPtr& object, XdpMode mode) {
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

// Where libxdp pins what a dispatcher calls, by the order in which it calls them (libxdp's protocol.org).
std::string pins_of_dispatcher(std::uint32_t ifindex, std::uint32_t dispatcher_id) {
  const char* bpffs = std::getenv("LIBXDP_BPFFS");
  return std::string(bpffs == nullptr ? "/sys/fs/bpf" : bpffs) + "/xdp/dispatch-" + std::to_string(ifindex) + "-" +
         std::to_string(dispatcher_id);
}

// Libxdp 1.3.1 forgets to close the descriptors of every program when it is asked, so that a daemon would run out of
// them. `alone` where it is no dispatcher of libxdp's, or its pins cannot be seen.
Result<XdpState> components_of(std::uint32_t ifindex, XdpState alone) {
  const std::string pins = pins_of_dispatcher(ifindex, alone.programs.front().id);
  XdpState state{.mode = alone.mode, .dispatcher = true};
  for (std::size_t number = 0;; ++number) {
    const Fd fd(bpf_obj_get((pins + "/prog" + std::to_string(number) + "-prog").c_str()));
    if (!fd && errno != ENOENT) return system_error(errno, pins);
    if (!fd) break;
    const auto info = program_info(fd.get());
    if (!info) return std::unexpected(info.error());
    state.programs.push_back({.id = info->id, .name = info->name});
  }
  return state.programs.empty() ? alone : state;
}

}  // namespace

bool XdpState::has(std::uint32_t id) const {
  return id != 0 &&
         std::any_of(programs.begin(), programs.end(), [&](const XdpEntry& entry) { return entry.id == id; });
}

// Libxdp is not asked: every look would cost it descriptors, and keep programs loaded for as long as the process lives
// (1.3.1).
Result<XdpState> query_xdp(std::uint32_t ifindex) {
  capture_library_messages();
  LIBBPF_OPTS(bpf_xdp_query_opts, hook);
  if (const int error = bpf_xdp_query(static_cast<int>(ifindex), 0, &hook); error != 0)
    return system_error(error, "query the XDP programs");
  const std::uint32_t id = hook.drv_prog_id != 0 ? hook.drv_prog_id : hook.skb_prog_id;
  if (id == 0) return XdpState{};
  const auto fd = program_by_id(id);
  if (!fd) return fd.error().code == ENOENT ? XdpState{} : Result<XdpState>(std::unexpected(fd.error()));
  const auto info = program_info(fd->get());
  if (!info) return std::unexpected(info.error());
  XdpState state{.mode = hook.drv_prog_id != 0 ? XdpMode::native : XdpMode::generic,
                 .programs = {{.id = id, .name = info->name}}};
  return info->name == kDispatcher ? components_of(ifindex, std::move(state)) : state;
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
  return add_xdp(ifindex, object, mode);
}

Result<std::uint32_t> replace_xdp(std::uint32_t ifindex, const ObjectPtr& object, std::uint32_t old_id) {
  const auto state = query_xdp(ifindex);
  if (!state) return std::unexpected(state.error());
  if (!state->has(old_id)) return system_error(ENOENT, "XDP program id " + std::to_string(old_id));
  if (!state->dispatcher) return replace_single(ifindex, object, old_id, *state->mode);
  const auto id = add_xdp(ifindex, object, *state->mode);
  if (!id) return id;
  if (auto left = detach_xdp(ifindex, old_id); !left) return std::unexpected(left.error());
  return id;
}

Result<void> detach_xdp(std::uint32_t ifindex, std::uint32_t id) {
  const auto state = query_xdp(ifindex);
  if (!state) return std::unexpected(state.error());
  if (!state->has(id)) return {};
  return state->dispatcher ? detach_from_dispatcher(ifindex, id, libxdp_mode(*state->mode))
                           : detach_single(ifindex, id, *state->mode);
}

}  // namespace rxf::datapath
