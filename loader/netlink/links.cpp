// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/links.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>
#include <functional>

#include "loader/netlink/link_message.h"
#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

using Read = std::function<Result<void>(const nlmsghdr&)>;

// Hands every link of the answer to `read`.
Result<void> get_links(Socket& socket, Message& request, const Read& read) {
  return socket.request(request.header(), [&](const nlmsghdr& message) {
    return message.nlmsg_type == RTM_NEWLINK ? read(message) : Result<void>{};
  });
}

Read decode_into(std::vector<Link>& links) {
  return [&links](const nlmsghdr& message) -> Result<void> {
    auto link = decode_link(message);
    if (!link) return std::unexpected(link.error());
    links.push_back(std::move(*link));
    return {};
  };
}

Read copy_into(std::vector<LinkMessage>& messages) {
  return [&messages](const nlmsghdr& message) -> Result<void> {
    const auto* bytes = static_cast<const std::uint8_t*>(static_cast<const void*>(&message));
    messages.emplace_back(bytes, bytes + message.nlmsg_len);
    return {};
  };
}

std::unexpected<Error> no_such_device(const std::string& which) {
  return std::unexpected(Error{.text = "no such device: " + which, .code = ENODEV});
}

std::string text_of(const LinkName& which) {
  return which.ifindex != 0 ? "ifindex " + std::to_string(which.ifindex) : which.name;
}

Result<void> get_one(Socket& socket, const LinkName& which, const Read& read) {
  if (auto possible = check_name(which); !possible) return possible;
  const std::string text = text_of(which);
  Message request(RTM_GETLINK, 0);
  put_name(request, which);
  request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  const auto got = get_links(socket, request, read);
  if (!got && got.error().code == ENODEV) return no_such_device(text);
  if (!got) return wrap(got.error(), "look up " + text);
  return {};
}

// `found` is what decode_into() or copy_into() fills.
template <class T, class ReadInto>
Result<T> only_one(Socket& socket, const LinkName& which, ReadInto read_into) {
  std::vector<T> found;
  if (auto got = get_one(socket, which, read_into(found)); !got) return std::unexpected(got.error());
  if (found.empty()) return no_such_device(which.name);
  return std::move(found.front());
}

template <class T, class ReadInto>
Result<std::vector<T>> all(Socket& socket, ReadInto read_into) {
  auto listed = repeat_interrupted([&]() -> Result<std::vector<T>> {
    Message request(RTM_GETLINK, NLM_F_DUMP);
    request.put_fixed(ifinfomsg{});
    request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    std::vector<T> found;
    if (auto got = get_links(socket, request, read_into(found)); !got) return std::unexpected(got.error());
    return found;
  });
  if (!listed) return wrap(listed.error(), "list the links");
  return listed;
}

}  // namespace

bool Link::is_up() const { return (flags & IFF_UP) != 0; }

Result<void> check_name(const LinkName& which) {
  // A NUL would make the kernel look up another name.
  const bool possible = which.ifindex != 0
                            ? which.ifindex <= INT_MAX
                            : !which.name.empty() && which.name.size() < ALTIFNAMSIZ && !which.name.contains('\0');
  return possible ? Result<void>{} : no_such_device(text_of(which));
}

void put_name(Message& request, const LinkName& which) {
  request.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(which.ifindex)});
  // Both are looked up among names and alternative names alike; they differ in how long a name may be.
  if (which.ifindex == 0) request.put_text(which.name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, which.name);
}

Result<std::vector<Link>> links(Socket& socket) { return all<Link>(socket, decode_into); }

Result<std::vector<LinkMessage>> link_messages(Socket& socket) { return all<LinkMessage>(socket, copy_into); }

Result<Link> find_link(Socket& socket, const LinkName& which) { return only_one<Link>(socket, which, decode_into); }

Result<LinkMessage> link_message(Socket& socket, const LinkName& which) {
  return only_one<LinkMessage>(socket, which, copy_into);
}

LinkMessage without_attribute(const LinkMessage& message, std::uint16_t type) {
  constexpr std::size_t kFixed = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(ifinfomsg)));
  LinkMessage kept(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(std::min(kFixed, message.size())));
  Bytes rest = Bytes(message).subspan(kept.size());
  for (Bytes before = rest; const auto attribute = take_attribute(rest); before = rest)
    if (attribute->type != type) kept.insert(kept.end(), before.begin(), before.end() - std::ssize(rest));
  const auto length = static_cast<std::uint32_t>(kept.size());
  std::memcpy(kept.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
  return kept;
}

Result<Link> link_by_name(Socket& socket, const std::string& name) { return find_link(socket, {.name = name}); }

Result<Link> link_by_index(Socket& socket, std::uint32_t ifindex) {
  if (ifindex == 0) return no_such_device("ifindex 0");
  return find_link(socket, {.ifindex = ifindex});
}

static_assert(kAllmulti.bit == IFF_ALLMULTI && kPromisc.bit == IFF_PROMISC);

Result<void> set_flag(Socket& socket, const Link& link, const ReceiveFlag& flag, bool on) {
  Message request(RTM_SETLINK, 0);
  request.put_fixed(ifinfomsg{
      .ifi_index = static_cast<int>(link.ifindex),
      .ifi_flags = on ? flag.bit : 0U,
      .ifi_change = flag.bit,
  });
  const auto set = socket.request(request.header());
  if (!set) return wrap(set.error(), std::string("switch ") + flag.name + (on ? " on" : " off") + " on " + link.name);
  return {};
}

// Any request to change flags does it; IFF_RUNNING is not one that can be changed.
Result<void> reload_lists(Socket& socket, const Link& link) {
  Message request(RTM_SETLINK, 0);
  request.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(link.ifindex), .ifi_change = IFF_RUNNING});
  const auto reloaded = socket.request(request.header());
  if (!reloaded) return wrap(reloaded.error(), "reload the address lists of " + link.name);
  return {};
}

// A macvlan without a lower device is refused, after the module was asked for.
void load_macvlan(Socket& socket) {
  Message request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  request.put_fixed(ifinfomsg{});
  request.put_nest(IFLA_LINKINFO, [&] { request.put_text(IFLA_INFO_KIND, "macvlan"); });
  (void)socket.request(request.header());
}

}  // namespace rxf::netlink
