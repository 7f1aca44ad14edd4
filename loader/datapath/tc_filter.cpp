// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/tc_filter.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "loader/datapath/bpf_object.h"

namespace rxf::datapath {
namespace {

bpf_tc_hook hook_of(const TcPlace& place) {
  capture_library_messages();
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(place.ifindex);
  hook.attach_point = place.hook == TcHook::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return hook;
}

std::uint32_t first_priority(const TcPlace& place) {
  return std::string_view(place.program) == kSteerProgram ? kTcSteerPriority : kTcPriority;
}

bpf_tc_opts options_at(std::uint32_t priority, std::uint32_t handle) {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.priority = priority;
  options.handle = handle;
  return options;
}

// An `ingress` qdisc in clsact's place serves as well. Returns whether the hook is new.
Result<bool> ensure_hook(const TcPlace& place) {
  bpf_tc_hook hook = hook_of(place);
  const int error = bpf_tc_hook_create(&hook);
  if (error == 0) return true;
  if (error == -EEXIST) return false;
  return system_error(error, "make the clsact qdisc");
}

// 0, or a negative errno: -EEXIST (same handle) and -EINVAL (another classifier at that priority) mean: taken.
int try_attach(const TcPlace& place, int program_fd, std::uint32_t priority, bool replace) {
  bpf_tc_hook hook = hook_of(place);
  bpf_tc_opts options = options_at(priority, kTcHandle);
  options.prog_fd = program_fd;
  options.flags = replace ? BPF_TC_F_REPLACE : 0;
  return bpf_tc_attach(&hook, &options);
}

}  // namespace

Result<rxf_tc_filter> attach_tc(const TcPlace& place, int program_fd, const rxf_tc_filter& previous) {
  const auto info = program_info(program_fd);
  if (!info) return std::unexpected(info.error());
  const auto made = ensure_hook(place);
  if (!made) return std::unexpected(made.error());
  rxf_tc_filter filter{.prog_id = info->id, .handle = kTcHandle, .made_qdisc = *made ? 1 : previous.made_qdisc};
  if (previous.prog_id != 0) {
    filter.priority = previous.priority;
    const int error = try_attach(place, program_fd, filter.priority, true);
    if (error == 0) return filter;
    return system_error(error, "replace the tc filter at priority " + std::to_string(filter.priority));
  }
  int error = 0;
  const std::uint32_t first = first_priority(place);
  for (filter.priority = first; filter.priority < first + kTcPriorities; ++filter.priority) {
    error = try_attach(place, program_fd, filter.priority, false);
    if (error == 0) return filter;
    if (error != -EEXIST && error != -EINVAL) break;
  }
  return system_error(error, "attach a tc filter (" + last_library_message() + ")");
}

Result<std::uint32_t> query_tc(const TcPlace& place, const rxf_tc_filter& filter) {
  bpf_tc_hook hook = hook_of(place);
  bpf_tc_opts options = options_at(filter.priority, filter.handle);
  const int error = bpf_tc_query(&hook, &options);
  if (error == 0) return options.prog_id;
  if (error == -ENOENT || error == -EINVAL || error == -ENODEV) return 0;
  return system_error(error, "query tc filters");
}

Result<rxf_tc_filter> find_tc(const TcPlace& place, std::uint32_t map_id) {
  const std::uint32_t first = first_priority(place);
  for (std::uint32_t priority = first; priority < first + kTcPriorities; ++priority) {
    rxf_tc_filter filter{.priority = priority, .handle = kTcHandle};
    const auto id = query_tc(place, filter);
    if (!id) return std::unexpected(id.error());
    if (*id == 0) continue;
    const auto ours = is_program(*id, place.program, map_id);
    if (!ours) return std::unexpected(ours.error());
    if (!*ours) continue;
    filter.prog_id = *id;
    return filter;
  }
  return rxf_tc_filter{};
}

Result<void> detach_tc(const TcPlace& place, const rxf_tc_filter& filter) {
  bpf_tc_hook hook = hook_of(place);
  const bpf_tc_opts options = options_at(filter.priority, filter.handle);
  const int error = bpf_tc_detach(&hook, &options);
  if (error == 0 || error == -ENOENT || error == -EINVAL || error == -ENODEV) return {};
  return system_error(error, "remove the tc filter");
}

}  // namespace rxf::datapath
