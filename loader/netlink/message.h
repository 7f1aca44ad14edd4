// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include <libmnl/libmnl.h>

#include "loader/netlink/attributes.h"

namespace rxf::netlink {

// A netlink message being written. Its capacity is chosen for what goes in: more is a bug of the caller, caught by an
// assertion, and is left out.
class Message {
 public:
  Message(std::uint16_t type, int flags, std::size_t capacity = 512);
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  // The fixed part; before any attribute.
  template <class T>
  void put_fixed(const T& fixed) {
    static_assert(std::is_trivially_copyable_v<T>);
    assert(header_->nlmsg_len + MNL_ALIGN(sizeof(T)) <= buffer_.size());
    std::memcpy(mnl_nlmsg_put_extra_header(header_, sizeof(T)), &fixed, sizeof(T));
  }

  void put(std::uint16_t type, Bytes payload);
  void put_u32(std::uint16_t type, std::uint32_t value);
  void put_text(std::uint16_t type, const std::string& text);
  template <class Fill>
  void put_nest(std::uint16_t type, Fill fill) {
    nlattr* nest = mnl_attr_nest_start_check(header_, buffer_.size(), type);
    assert(nest);
    if (!nest) return;
    fill();
    mnl_attr_nest_end(header_, nest);
  }

  [[nodiscard]] nlmsghdr* header() { return header_; }
  // All of it, and all but the netlink header.
  [[nodiscard]] Bytes bytes() const { return Bytes(buffer_).first(header_->nlmsg_len); }
  [[nodiscard]] Bytes payload() const { return bytes().subspan(MNL_NLMSG_HDRLEN); }

 private:
  std::vector<std::uint8_t> buffer_;
  nlmsghdr* header_;  // at the start of buffer_
};

// A received message taken apart: its fixed part, and the attributes after it.
template <class T>
struct Body {
  T fixed;
  Bytes attributes;
};

// What follows the netlink header.
Bytes payload_of(const nlmsghdr& message);

template <class T>
Result<Body<T>> body_of(const nlmsghdr& message) {
  const Bytes payload = payload_of(message);
  const auto fixed = read_object<T>(payload);
  if (!fixed) {
    return system_error(EBADMSG, "netlink message of type " + std::to_string(message.nlmsg_type) + " is cut short");
  }
  return Body<T>{.fixed = *fixed, .attributes = payload.subspan(std::min(MNL_ALIGN(sizeof(T)), payload.size()))};
}

// A dump that was interrupted is of no use, and soon over: runs `once` again while it ends in EINTR, 8 times at most.
template <class Once>
auto repeat_interrupted(Once once) -> decltype(once()) {
  auto result = once();
  for (int run = 1; run < 8 && !result && result.error().code == EINTR; ++run) result = once();
  return result;
}

}  // namespace rxf::netlink
