// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_request.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "loader/netlink/rx_filter_codec.h"

namespace rxf::daemon {
namespace {

using netlink::Attribute;
using netlink::Bytes;
using Decoded = std::expected<void, Refusal>;

std::unexpected<Refusal> refused(int code, std::string text, std::optional<std::size_t> offset = std::nullopt) {
  return std::unexpected(Refusal{.code = code, .text = std::move(text), .offset = offset});
}

// The attributes of one message, into a LinkRequest.
class LinkAttributes {
 public:
  explicit LinkAttributes(Bytes message) : message_(message), rest_(message.subspan(NLMSG_SPACE(sizeof(ifinfomsg)))) {}

  Decoded decode() {
    while (!rest_.empty()) {
      offset_ = message_.size() - rest_.size();
      const auto attribute = netlink::take_attribute(rest_);
      if (!attribute) return refused(EINVAL, "an attribute is cut short", offset_);
      if (auto decoded = decode(*attribute); !decoded) return decoded;
    }
    return {};
  }

  std::optional<std::string> name;
  std::optional<std::string> alternative_name;
  std::uint32_t mask = 0;
  std::optional<FilterChange> change;
  std::optional<Refusal> wrong_value;
  std::size_t filter_offset = 0;

 private:
  Decoded decode(const Attribute& attribute) {
    switch (attribute.type) {
      case IFLA_IFNAME:
        return decode_name(attribute, "IFLA_IFNAME", IFNAMSIZ - 1, name);
      case IFLA_ALT_IFNAME:
        return decode_name(attribute, "IFLA_ALT_IFNAME", ALTIFNAMSIZ - 1, alternative_name);
      case IFLA_EXT_MASK:
        return decode_mask(attribute);
      case netlink::kIflaRxFilter:
        return decode_filter(attribute);
      default:
        return refused(EOPNOTSUPP, "attribute " + std::to_string(attribute.type) + " is not for the API socket",
                       offset_);
    }
  }

  Decoded decode_name(const Attribute& attribute, const char* what, std::size_t longest,
                      std::optional<std::string>& into) const {
    Bytes bytes = attribute.payload;
    if (!bytes.empty() && bytes.back() == 0) bytes = bytes.first(bytes.size() - 1);
    if (attribute.payload.empty() || bytes.size() > longest) {
      return refused(ERANGE, std::string(what) + " has 1 to " + std::to_string(longest) + " bytes", offset_);
    }
    into.emplace(bytes.begin(), bytes.end());
    return {};
  }

  Decoded decode_mask(const Attribute& attribute) {
    if (attribute.payload.size() != sizeof(mask)) return refused(ERANGE, "IFLA_EXT_MASK has 4 bytes", offset_);
    mask = netlink::read_object<std::uint32_t>(attribute.payload).value_or(0);
    return {};
  }

  Decoded decode_filter(const Attribute& attribute) {
    filter_offset = offset_;
    auto decoded = netlink::decode_change(attribute);
    if (!decoded) {
      Refusal why = refusal_of(decoded.error().error);
      why.offset = offset_ + sizeof(nlattr) + static_cast<std::size_t>(decoded.error().offset);
      if (!decoded.error().of_value) return std::unexpected(std::move(why));
      wrong_value = std::move(why);
      return {};
    }
    wrong_value.reset();
    change = std::move(*decoded);
    return {};
  }

  Bytes message_;
  Bytes rest_;
  std::size_t offset_ = 0;  // of the attribute that is being decoded
};

LinkRequest request_of(const ifinfomsg& fixed, LinkAttributes attributes) {
  LinkRequest request{
      .flags = fixed.ifi_flags != 0 || fixed.ifi_change != 0,
      .mask = attributes.mask,
      .change = std::move(attributes.change),
      .wrong_value = std::move(attributes.wrong_value),
      .filter_offset = attributes.filter_offset,
  };
  const auto& name = attributes.name ? attributes.name : attributes.alternative_name;
  request.named = fixed.ifi_index != 0 || name;
  if (fixed.ifi_index != 0) {
    request.link.ifindex = static_cast<std::uint32_t>(fixed.ifi_index);
    request.other_name = attributes.name;
  } else if (name) {
    request.link.name = *name;
  }
  return request;
}

}  // namespace

std::expected<LinkRequest, Refusal> decode_link_request(Bytes message) {
  const auto fixed =
      netlink::read_object<ifinfomsg>(message.subspan(std::min<std::size_t>(NLMSG_HDRLEN, message.size())));
  if (!fixed) return refused(EINVAL, "the message is too short for struct ifinfomsg");
  LinkAttributes attributes(message);
  if (auto decoded = attributes.decode(); !decoded) return std::unexpected(decoded.error());
  if (fixed->ifi_index < 0) return refused(EINVAL, "ifi_index is negative");
  return request_of(*fixed, std::move(attributes));
}

Refusal refusal_of(const Error& error) { return {.code = error.code > 0 ? error.code : EIO, .text = error.text}; }

}  // namespace rxf::daemon
