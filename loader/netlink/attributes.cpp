// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/attributes.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

namespace rxf::netlink {

std::optional<Attribute> take_attribute(Bytes& bytes) {
  const auto header = read_object<nlattr>(bytes);
  if (!header || header->nla_len < sizeof(nlattr) || header->nla_len > bytes.size()) return std::nullopt;
  const Attribute attribute{
      .type = static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK),
      .flags = static_cast<std::uint16_t>(header->nla_type & ~NLA_TYPE_MASK),
      .payload = bytes.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr)),
  };
  const std::size_t padded = NLA_ALIGN(std::size_t{header->nla_len});
  bytes = bytes.subspan(std::min(padded, bytes.size()));
  return attribute;
}

Result<Attributes> Attributes::parse(Bytes bytes, std::span<const Field> fields) {
  Attributes attributes;
  while (const auto attribute = take_attribute(bytes)) {
    const auto field = std::ranges::find(fields, attribute->type, &Field::type);
    if (field == fields.end()) continue;
    if (field->size != Field::kAnySize && field->size != attribute->payload.size()) {
      return system_error(EBADMSG, std::string(field->name) + " from the kernel has " +
                                       std::to_string(attribute->payload.size()) + " bytes instead of " +
                                       std::to_string(field->size));
    }
    attributes.payloads_[attribute->type] = attribute->payload;
  }
  return attributes;
}

Bytes Attributes::payload(std::uint16_t type) const {
  const auto found = payloads_.find(type);
  return found == payloads_.end() ? Bytes{} : found->second;
}

std::string Attributes::text(std::uint16_t type) const {
  const Bytes bytes = payload(type);
  return {bytes.begin(), std::ranges::find(bytes, 0)};
}

}  // namespace rxf::netlink
