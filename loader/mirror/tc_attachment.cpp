// SPDX-License-Identifier: GPL-2.0-only
#include "loader/mirror/tc_attachment.h"

#include "loader/datapath/bpf_object.h"
#include "loader/netlink/clsact.h"

namespace rxf::mirror {
namespace {

datapath::TcPlace place_of(const TcAttachment& attachment) {
  return {.ifindex = attachment.link.ifindex, .hook = attachment.hook, .program = attachment.program};
}

// What an interrupted command may have attached without having noted where.
Result<rxf_tc_filter> find(const Lowerdev& device, const TcAttachment& attachment) {
  const auto there = is_attached(device, place_of(attachment), attachment.noted);
  if (!there) return std::unexpected(there.error());
  if (*there) return attachment.noted;
  auto found = datapath::find_tc(place_of(attachment), device.maps.rules_map_id());
  if (found) found->made_qdisc = attachment.noted.made_qdisc;
  return found;
}

Result<void> attach(Lowerdev& device, TcAttachment& attachment, const rxf_tc_filter& previous, int program_fd) {
  const auto has_hook = netlink::has_ingress_hook(device.host.socket, attachment.link);
  if (!has_hook) return std::unexpected(has_hook.error());
  attachment.noted = previous;
  if (!*has_hook) attachment.noted.made_qdisc = 1;
  if (auto done = attachment.note(); !done) return done;
  const auto filter = datapath::attach_tc(place_of(attachment), program_fd, attachment.noted);
  if (!filter) return wrap(filter.error(), attachment.link.name);
  attachment.noted = *filter;
  return attachment.note();
}

std::string role_of(const TcAttachment& attachment) {
  const std::string_view program = attachment.program;
  if (program == datapath::kGuardProgram) return "guard";
  if (program == datapath::kEarlyTcProgram) return "early drop";
  return attachment.hook == datapath::TcHook::egress ? "steering of what is sent" : "steering";
}

}  // namespace

Result<bool> is_attached(const Lowerdev& device, const datapath::TcPlace& place, const rxf_tc_filter& noted) {
  if (noted.prog_id == 0) return false;
  const auto id = datapath::query_tc(place, noted);
  if (!id) return std::unexpected(id.error());
  if (*id != noted.prog_id) return false;
  return datapath::is_program(*id, place.program, device.maps.rules_map_id());
}

Result<bool> ensure_attached(Lowerdev& device, TcAttachment attachment, bool refresh, std::vector<std::string>& notes) {
  const auto there = find(device, attachment);
  if (!there) return std::unexpected(there.error());
  const bool noted = there->prog_id != 0 && there->prog_id == attachment.noted.prog_id;
  if (noted && !refresh) return false;
  attachment.config.sight = datapath::device_sight();
  const auto object =
      datapath::load_object(datapath::embedded_object(), attachment.program, attachment.config, device.pins.path());
  if (!object) return std::unexpected(object.error());
  const int fd = datapath::program_fd(*object, attachment.program);
  if (noted) {
    const auto current = datapath::same_instructions(there->prog_id, fd);
    if (!current) return std::unexpected(current.error());
    if (*current) return false;
  }
  const bool was_lost = attachment.noted.prog_id != 0 && there->prog_id == 0;
  if (auto done = attach(device, attachment, *there, fd); !done) return std::unexpected(done.error());
  if (was_lost) notes.push_back(attachment.link.name + " had lost its " + role_of(attachment) + ": attached again");
  return true;
}

Result<void> ensure_detached(Lowerdev& device, TcAttachment attachment) {
  const auto there = find(device, attachment);
  if (!there) return std::unexpected(there.error());
  if (there->prog_id != 0)
    if (auto done = datapath::detach_tc(place_of(attachment), *there); !done)
      return wrap(done.error(), attachment.link.name);
  if (attachment.noted.made_qdisc != 0)
    if (auto done = netlink::remove_empty_clsact(device.host.socket, attachment.link); !done)
      return wrap(done.error(), attachment.link.name);
  if (there->prog_id == 0 && attachment.noted.prog_id == 0 && attachment.noted.made_qdisc == 0) return {};
  attachment.noted = {};
  return attachment.note();
}

}  // namespace rxf::mirror
