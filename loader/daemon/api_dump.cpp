// SPDX-License-Identifier: GPL-2.0-only
#include "loader/daemon/api_dump.h"

#include <algorithm>
#include <cstring>

#include "loader/netlink/attributes.h"

namespace rxf::daemon {
namespace {

void append(Packet& packet, const Packet& message) { packet.insert(packet.end(), message.begin(), message.end()); }

Packet all_messages(const std::vector<ApiLink>& links, bool with_filters) {
  Packet messages;
  for (const ApiLink& link : links) append(messages, new_link(link, with_filters));
  messages.shrink_to_fit();
  return messages;
}

// The one at `position`, of which new_link() made the length.
Packet message_at(const Packet& messages, std::size_t position) {
  nlmsghdr header;
  std::memcpy(&header, messages.data() + position, sizeof(header));
  const auto begin = messages.begin() + static_cast<std::ptrdiff_t>(position);
  return {begin, begin + header.nlmsg_len};
}

}  // namespace

std::optional<Packet> ApiDump::next() {
  if (done_) return std::nullopt;
  Packet packet;
  while (!done_) {
    const bool at_end = position_ == messages_->size();
    const Packet message = at_end ? end_of_dump() : message_at(*messages_, position_);
    if (!packet.empty() && packet.size() + message.size() > kMaxApiPacket) break;
    append(packet, answering(request_, message, NLM_F_MULTI));
    if (at_end)
      done_ = true;
    else
      position_ += message.size();
  }
  return packet;
}

Result<ApiDump> ApiDumps::begin(const nlmsghdr& request, const std::vector<ApiLink>& links, bool with_filters) {
  std::erase_if(live_, [](const auto& messages) { return messages.expired(); });
  Packet messages = all_messages(links, with_filters);
  std::size_t total = messages.size();
  for (const auto& weak : live_) {
    const auto other = weak.lock();
    if (*other == messages) return ApiDump(request, other);
    total += other->size();
  }
  if (total > limit_ && !live_.empty())
    return system_error(EBUSY, "too many lists of links are still to be read; try again");
  const auto shared = std::make_shared<const Packet>(std::move(messages));
  live_.push_back(shared);
  return ApiDump(request, shared);
}

}  // namespace rxf::daemon
