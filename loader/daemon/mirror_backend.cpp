// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/mirror_backend.h"

#include <cerrno>

#include "loader/netlink/link_message.h"
#include "loader/netlink/message.h"
#include "loader/netlink/rx_filter_codec.h"
#include "loader/netlink/socket.h"

namespace rxf::daemon {
namespace {

Result<ApiLink> without_filter(const netlink::LinkMessage& message) {
  const auto* header = static_cast<const nlmsghdr*>(static_cast<const void*>(message.data()));
  const auto link = netlink::decode_link(*header);
  if (!link) return std::unexpected(link.error());
  // Later kernels have given its number to something else.
  return ApiLink{.message = netlink::without_attribute(message, netlink::kIflaRxFilter),
                 .ifindex = link->ifindex,
                 .name = link->name};
}

// Not attached, not ours to filter from here, or no macvlan: it has no filter set, and that is no error.
bool has_no_filter(const Error& error) { return error.exit == Exit::not_attached || error.code == EOPNOTSUPP; }

// The code of a link that is missing would be that of a missing device.
std::unexpected<Error> as_told(Error error) {
  if (error.exit == Exit::not_attached && error.code == ENOENT) error.code = ENOLINK;
  return std::unexpected(std::move(error));
}

}  // namespace

Result<ApiLink> MirrorBackend::get(const netlink::LinkName& name, bool with_filter) {
  auto socket = netlink::Socket::open();
  if (!socket) return std::unexpected(socket.error());
  const auto message = netlink::link_message(*socket, name);
  if (!message) return std::unexpected(message.error());
  auto link = without_filter(*message);
  if (!link || !with_filter) return link;
  auto filter = mirror::get(context_, netlink::LinkName{.ifindex = link->ifindex});
  if (!filter && !has_no_filter(filter.error())) return as_told(filter.error());
  if (filter) link->filter = std::move(*filter);
  return link;
}

Result<std::vector<ApiLink>> MirrorBackend::all() {
  auto socket = netlink::Socket::open();
  if (!socket) return std::unexpected(socket.error());
  const auto messages = netlink::link_messages(*socket);
  if (!messages) return std::unexpected(messages.error());
  auto filters = mirror::filter_sets(context_);
  if (!filters) return std::unexpected(filters.error());
  std::vector<ApiLink> links;
  for (const netlink::LinkMessage& message : *messages) {
    auto link = without_filter(message);
    if (!link) return std::unexpected(link.error());
    if (auto filter = filters->extract(link->ifindex)) link->filter = std::move(filter.mapped());
    links.push_back(std::move(*link));
  }
  return links;
}

Result<std::vector<std::string>> MirrorBackend::set(const netlink::LinkName& name, const FilterChange& change) {
  auto done = mirror::change(context_, name, change);
  if (!done) return as_told(done.error());
  // It is set: that it cannot be told of is no error of the request.
  if (done->keeper == mirror::Keeper::maps && on_set)
    if (auto link = get(name, false)) {
      link->filter = std::move(done->filter);
      on_set(*link);
    }
  return std::move(done->report.notes);
}

}  // namespace rxf::daemon
