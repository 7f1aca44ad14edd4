// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/generic.h"

#include <linux/genetlink.h>

#include <array>
#include <cerrno>

#include "loader/netlink/message.h"

namespace rxf::netlink {
namespace {

constexpr std::array kFamilyFields = {Field{CTRL_ATTR_FAMILY_ID, sizeof(std::uint16_t), "CTRL_ATTR_FAMILY_ID"}};

}  // namespace

Result<std::uint16_t> family_id(Socket& socket, const std::string& family) {
  Message request(GENL_ID_CTRL, 0);
  request.put_fixed(genlmsghdr{.cmd = CTRL_CMD_GETFAMILY, .version = 1});
  request.put_text(CTRL_ATTR_FAMILY_NAME, family);
  std::uint16_t id = 0;
  const auto found = socket.request(request.header(), [&](const nlmsghdr& message) -> Result<void> {
    const auto attributes = generic_attributes(message, kFamilyFields);
    if (!attributes) return std::unexpected(attributes.error());
    id = attributes->number<std::uint16_t>(CTRL_ATTR_FAMILY_ID).value_or(0);
    return {};
  });
  if (!found) return wrap(found.error(), "generic netlink family \"" + family + "\"");
  if (id == 0) return system_error(ENOENT, "generic netlink family \"" + family + "\"");
  return id;
}

Result<Attributes> generic_attributes(const nlmsghdr& message, std::span<const Field> fields) {
  const auto body = body_of<genlmsghdr>(message);
  if (!body) return std::unexpected(body.error());
  return Attributes::parse(body->attributes, fields);
}

}  // namespace rxf::netlink
