// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/links.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <climits>

#include "loader/netlink/link_message.h"
#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

Result<void> append_link(std::vector<Link>& links, const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWLINK) return {};
  auto link = decode_link(message);
  if (!link) return std::unexpected(link.error());
  links.push_back(std::move(*link));
  return {};
}

Result<std::vector<Link>> get_links(Socket& socket, Message& request) {
  std::vector<Link> links;
  const auto got =
      socket.request(request.header(), [&](const nlmsghdr& message) { return append_link(links, message); });
  if (!got) return std::unexpected(got.error());
  return links;
}

std::unexpected<Error> no_such_device(const std::string& which) {
  return std::unexpected(Error{.text = "no such device: " + which, .code = ENODEV});
}

Result<Link> get_link(Socket& socket, Message& request, const std::string& which) {
  auto found = get_links(socket, request);
  if (!found && found.error().code == ENODEV) return no_such_device(which);
  if (!found) return wrap(found.error(), "look up " + which);
  if (found->empty()) return no_such_device(which);
  return std::move(found->front());
}

}  // namespace

bool Link::is_up() const { return (flags & IFF_UP) != 0; }

Result<std::vector<Link>> links(Socket& socket) {
  auto listed = repeat_interrupted([&] {
    Message request(RTM_GETLINK, NLM_F_DUMP);
    request.put_fixed(ifinfomsg{});
    request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return get_links(socket, request);
  });
  if (!listed) return wrap(listed.error(), "list the links");
  return listed;
}

Result<Link> link_by_name(Socket& socket, const std::string& name) {
  // A NUL would make the kernel look up another name.
  const bool possible = !name.empty() && name.size() < ALTIFNAMSIZ && !name.contains('\0');
  if (!possible) return no_such_device(name);

  Message request(RTM_GETLINK, 0);
  request.put_fixed(ifinfomsg{});
  // Both are looked up among names and alternative names alike; they differ in how long a name may be.
  request.put_text(name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
  request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return get_link(socket, request, name);
}

Result<Link> link_by_index(Socket& socket, std::uint32_t ifindex) {
  const std::string which = "ifindex " + std::to_string(ifindex);
  if (ifindex == 0 || ifindex > INT_MAX) return no_such_device(which);

  Message request(RTM_GETLINK, 0);
  request.put_fixed(ifinfomsg{.ifi_index = static_cast<int>(ifindex)});
  request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return get_link(socket, request, which);
}

Result<void> set_allmulti(Socket& socket, const Link& link, bool on) {
  Message request(RTM_SETLINK, 0);
  request.put_fixed(ifinfomsg{
      .ifi_index = static_cast<int>(link.ifindex),
      .ifi_flags = on ? static_cast<unsigned>(IFF_ALLMULTI) : 0U,
      .ifi_change = IFF_ALLMULTI,
  });
  const auto set = socket.request(request.header());
  if (!set) return wrap(set.error(), std::string("switch allmulti ") + (on ? "on" : "off") + " on " + link.name);
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

}  // namespace rxf::netlink
