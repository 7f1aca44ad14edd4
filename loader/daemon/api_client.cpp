// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_client.h"

#include <grp.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "loader/daemon/api_message.h"
#include "loader/netlink/link_message.h"
#include "loader/netlink/message.h"
#include "loader/netlink/rx_filter_codec.h"
#include "loader/netlink/rx_filter_link.h"

namespace rxf::daemon {
namespace {

using netlink::Bytes;
using netlink::Message;

std::string group_name(gid_t gid) {
  const group* found = ::getgrgid(gid);
  return found ? found->gr_name : std::to_string(gid);
}

// Of the file that stands in the way: the socket, or where that cannot even be looked at its directory.
std::string who_may_connect(const std::string& path) {
  struct stat file {};
  const std::string directory = std::filesystem::path(path).parent_path();
  if (::stat(path.c_str(), &file) != 0 && ::stat(directory.c_str(), &file) != 0) return "only others may connect";
  return "only root and group " + group_name(file.st_gid) + " may connect";
}

std::unexpected<Error> no_answer(const std::string& path, std::chrono::milliseconds patience) {
  return std::unexpected(
      Error{.text = "API socket " + path + ": no answer within " + std::to_string(patience.count()) + " ms",
            .code = ETIMEDOUT,
            .exit = Exit::timeout});
}

std::unexpected<Error> cannot_connect(int code, const std::string& path) {
  auto error = system_error(code, "API socket " + path);
  if (code == EACCES) error.error().text += ": " + who_may_connect(path);
  return error;
}

void limit_time(int fd, std::chrono::milliseconds patience) {
  const timeval time{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) ::setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

Exit exit_of(int code) {
  switch (code) {
    case EINVAL:
    case ERANGE:
    case EADDRNOTAVAIL:
    case E2BIG:
      return Exit::usage;
    case ENOLINK:
      return Exit::not_attached;
    case ETIMEDOUT:
      return Exit::timeout;
    default:
      return Exit::refused;
  }
}

std::size_t size(const std::optional<AddressSet>& list) { return list ? list->size() : 0; }

Result<void> check_size(const FilterChange& change) {
  if (!change.addresses) return {};
  const std::size_t count = size(change.addresses->unicast) + size(change.addresses->multicast);
  if (count <= FilterSet::kMaxAddresses) return {};
  return std::unexpected(
      Error{.text = std::to_string(count) + " addresses are more than " + std::to_string(FilterSet::kMaxAddresses),
            .code = E2BIG,
            .exit = Exit::usage});
}

Result<ApiLinkAnswer> decode(const nlmsghdr& message) {
  const auto link = netlink::decode_link(message);
  if (!link) return std::unexpected(link.error());
  auto filter = netlink::read_rx_filter(message, netlink::kIflaRxFilter);
  if (!filter) return std::unexpected(filter.error());
  return ApiLinkAnswer{.ifindex = link->ifindex, .name = link->name, .filter = std::move(*filter)};
}

netlink::Socket::Handler decode_into(std::vector<ApiLinkAnswer>& links) {
  return [&links](const nlmsghdr& message) -> Result<void> {
    if (message.nlmsg_type != RTM_NEWLINK) return {};
    auto link = decode(message);
    if (!link) return std::unexpected(link.error());
    links.push_back(std::move(*link));
    return {};
  };
}

Result<void> decode_notice(const nlmsghdr& message, std::vector<ApiNotice>& notices) {
  if (message.nlmsg_type == NLMSG_OVERRUN) notices.push_back({.overrun = true});
  if (message.nlmsg_type != RTM_NEWLINK && message.nlmsg_type != RTM_DELLINK) return {};
  auto link = decode(message);
  if (!link) return std::unexpected(link.error());
  notices.push_back({.gone = message.nlmsg_type == RTM_DELLINK, .link = std::move(*link)});
  return {};
}

Result<std::vector<ApiNotice>> decode_notices(Bytes packet) {
  std::vector<ApiNotice> notices;
  while (!packet.empty()) {
    const auto* message = static_cast<const nlmsghdr*>(static_cast<const void*>(packet.data()));
    if (!mnl_nlmsg_ok(message, static_cast<int>(packet.size()))) return system_error(EBADMSG, "notice is cut short");
    if (auto decoded = decode_notice(*message, notices); !decoded) return std::unexpected(decoded.error());
    packet = packet.subspan(std::min<std::size_t>(NLMSG_ALIGN(message->nlmsg_len), packet.size()));
  }
  return notices;
}

}  // namespace

Result<ApiClient> ApiClient::connect(const std::string& path, std::chrono::milliseconds patience) {
  const auto address = api_address(path);
  if (!address) return std::unexpected(address.error());
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return system_error(errno, "API socket " + path);
  limit_time(fd.get(), patience);
  if (::connect(fd.get(), generic(*address), sizeof(*address)) != 0)
    return errno == EAGAIN ? no_answer(path, patience) : cannot_connect(errno, path);
  return ApiClient(path, patience, std::move(fd));
}

Result<void> ApiClient::request(nlmsghdr* message, const netlink::Socket::Handler& handler) {
  auto done = socket_.request(message, handler);
  if (done) return done;
  Error error = std::move(done.error());
  if (error.code == EAGAIN) return no_answer(path_, patience_);
  error.text = socket_.sentence().empty() ? "API socket " + path_ + ": " + error.text : socket_.sentence();
  error.exit = exit_of(error.code);
  return std::unexpected(std::move(error));
}

Result<ApiLinkAnswer> ApiClient::get(const netlink::LinkName& link) {
  if (auto possible = netlink::check_name(link); !possible) return std::unexpected(possible.error());
  Message message(RTM_GETLINK, 0);
  netlink::put_name(message, link);
  message.put_u32(IFLA_EXT_MASK, netlink::kExtFilterRxFilter);
  std::vector<ApiLinkAnswer> links;
  if (auto done = request(message.header(), decode_into(links)); !done) return std::unexpected(done.error());
  if (links.empty()) return system_error(ENODEV, "API socket " + path_ + ": no link in the answer");
  return std::move(links.front());
}

Result<std::vector<ApiLinkAnswer>> ApiClient::all() {
  Message message(RTM_GETLINK, NLM_F_DUMP);
  message.put_fixed(ifinfomsg{});
  message.put_u32(IFLA_EXT_MASK, netlink::kExtFilterRxFilter);
  std::vector<ApiLinkAnswer> links;
  if (auto done = request(message.header(), decode_into(links)); !done) return std::unexpected(done.error());
  return links;
}

Result<std::vector<std::string>> ApiClient::set(const netlink::LinkName& link, const FilterChange& change) {
  if (auto possible = netlink::check_name(link); !possible) return std::unexpected(possible.error());
  // Together with what stays, a change can only be more.
  if (auto fit = check_size(change); !fit) return std::unexpected(fit.error());
  Message message(RTM_SETLINK, 0, netlink::kMaxRxFilterMessage);
  netlink::put_name(message, link);
  put_rx_filter(message, netlink::kIflaRxFilter, change);
  if (auto done = request(message.header()); !done) return std::unexpected(done.error());
  return socket_.sentence().empty() ? std::vector<std::string>{} : std::vector{socket_.sentence()};
}

Result<void> ApiClient::subscribe() {
  Message message(kApiAddMembership, 0);
  message.put_fixed(std::uint32_t{RTNLGRP_LINK});
  return request(message.header());
}

Result<std::optional<ApiNotice>> ApiClient::next(std::chrono::milliseconds time) {
  while (notices_.empty()) {
    pollfd wait{.fd = fd(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, static_cast<int>(time.count())) <= 0) return std::nullopt;
    std::vector<std::uint8_t> packet(2 * kMaxApiPacket);
    const ssize_t size = ::recv(fd(), packet.data(), packet.size(), 0);
    if (size <= 0) return system_error(size == 0 ? ECONNRESET : errno, "API socket " + path_);
    auto notices = decode_notices(Bytes(packet).first(static_cast<std::size_t>(size)));
    if (!notices) return wrap(notices.error(), "API socket " + path_);
    notices_ = std::move(*notices);
  }
  ApiNotice first = std::move(notices_.front());
  notices_.erase(notices_.begin());
  return first;
}

}  // namespace rxf::daemon
