// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace rxf::daemon {
namespace {

// What the client has not read yet is held in the kernel: as much as on a netlink socket by default (rmem_default). The
// kernel doubles the number.
constexpr int kSendBuffer = 106496;

Result<std::vector<gid_t>> groups_of_peer(int fd) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const int result = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    if (result != 0 && errno != ERANGE) return system_error(errno, "SO_PEERGROUPS");
    groups.resize(size / sizeof(gid_t));
    if (result == 0) return groups;
  }
}

Result<Peer> peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return system_error(errno, "SO_PEERCRED");
  auto groups = groups_of_peer(fd);
  if (!groups) return std::unexpected(groups.error());
  groups->push_back(credentials.gid);
  return Peer{.uid = credentials.uid, .groups = std::move(*groups)};
}

}  // namespace

Result<std::unique_ptr<ApiConnection>> ApiConnection::open(const Surroundings& surroundings, Fd fd) {
  auto peer = peer_of(fd.get());
  if (!peer) return std::unexpected(peer.error());
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof(kSendBuffer));
  std::unique_ptr<ApiConnection> connection(new ApiConnection(surroundings, std::move(fd), std::move(*peer)));
  sd_event_source* source = nullptr;
  const int added =
      sd_event_add_io(surroundings.loop, &source, connection->fd_.get(), EPOLLIN, on_ready, connection.get());
  if (added < 0) return system_error(added, "watch a client");
  connection->ready_.reset(source);
  return connection;
}

// The last of what is done in a turn may be the end of `self`.
int ApiConnection::on_ready(sd_event_source*, int, std::uint32_t, void* connection) {
  auto& self = *static_cast<ApiConnection*>(connection);
  if (self.turn())
    self.watch();
  else
    self.surroundings_.ended(self);
  return 0;
}

int ApiConnection::on_stall(sd_event_source*, std::uint64_t, void* connection) {
  auto& self = *static_cast<ApiConnection*>(connection);
  self.surroundings_.ended(self);
  return 0;
}

bool ApiConnection::turn() {
  flush();
  if (owes()) return true;
  if (!take_message()) return false;
  flush();
  return true;
}

bool ApiConnection::take_message() {
  if (!rest_.empty()) return handle(std::exchange(rest_, {}));
  // One byte more than is allowed, so that what is longer shows.
  std::array<std::uint8_t, kMaxApiPacket + 1> buffer;
  const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  return handle(netlink::Bytes(buffer).first(static_cast<std::size_t>(size)));
}

bool ApiConnection::handle(netlink::Bytes packet) {
  ApiResponse response = surroundings_.handler->handle(packet, peer_);
  if (response.close) return false;
  rest_.assign(packet.begin(), packet.end());
  std::ranges::move(response.answers, std::back_inserter(answers_));
  dump_ = std::move(response.dump);
  subscribed_ = response.subscription.value_or(subscribed_);
  return true;
}

void ApiConnection::flush() {
  if (overrun_ && send(overrun()) == Sent::yes) overrun_ = false;
  bool dumped = false;
  while (owes()) {
    if (answers_.empty()) {
      if (dumped) return;
      dumped = true;
      if (auto packet = dump_->next())
        answers_.push_back(std::move(*packet));
      else
        dump_.reset();
      continue;
    }
    const Sent sent = send(answers_.front());
    if (sent == Sent::no_room) return;
    if (sent == Sent::yes) answers_.pop_front();
  }
}

ApiConnection::Sent ApiConnection::send(const Packet& packet) {
  if (::send(fd_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Sent::yes;
  if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM) return Sent::no_room;
  // What it asked for before it went away is done all the same; its end comes with the last packet.
  deaf_ = true;
  overrun_ = false;
  answers_.clear();
  dump_.reset();
  return Sent::never;
}

void ApiConnection::notify(const Packet& packet) {
  if (overrun_ || deaf_) return;
  if (send(packet) != Sent::no_room) return;
  overrun_ = true;
  watch();
}

// Nothing is read while something is owed. With messages left there is nothing to wait for, but this connection's next
// turn has to come after everybody else's: that is where a source that was ready all along gets.
void ApiConnection::watch() {
  const bool may_read = !owes() && rest_.empty();
  const std::uint32_t in = may_read ? EPOLLIN : 0U;
  const std::uint32_t out = !may_read || overrun_ ? EPOLLOUT : 0U;
  sd_event_source_set_io_events(ready_.get(), in | out);
  if (!dump_) {
    stall_.reset();
    return;
  }
  const auto stall = static_cast<std::uint64_t>(surroundings_.stall.count());
  if (stall_) {
    sd_event_source_set_time_relative(stall_.get(), stall);
    return;
  }
  sd_event_source* source = nullptr;
  if (sd_event_add_time_relative(surroundings_.loop, &source, CLOCK_MONOTONIC, stall, 0, on_stall, this) >= 0)
    stall_.reset(source);
}

}  // namespace rxf::daemon
