// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/message.h"

namespace rxf::netlink {

Message::Message(std::uint16_t type, int flags, std::size_t capacity)
    : buffer_(capacity), header_(mnl_nlmsg_put_header(buffer_.data())) {
  header_->nlmsg_type = type;
  header_->nlmsg_flags = static_cast<std::uint16_t>(flags);
}

void Message::put(std::uint16_t type, Bytes payload) {
  [[maybe_unused]] const bool fits = mnl_attr_put_check(header_, buffer_.size(), type, payload.size(), payload.data());
  assert(fits);
}

void Message::put_u32(std::uint16_t type, std::uint32_t value) {
  [[maybe_unused]] const bool fits = mnl_attr_put_u32_check(header_, buffer_.size(), type, value);
  assert(fits);
}

void Message::put_text(std::uint16_t type, const std::string& text) {
  [[maybe_unused]] const bool fits = mnl_attr_put_strz_check(header_, buffer_.size(), type, text.c_str());
  assert(fits);
}

Bytes payload_of(const nlmsghdr& message) {
  return {static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload(&message)), mnl_nlmsg_get_payload_len(&message)};
}

}  // namespace rxf::netlink
