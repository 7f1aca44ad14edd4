// SPDX-License-Identifier: GPL-2.0-only
#include "loader/netlink/answers.h"

#include <array>
#include <system_error>

namespace rxf::netlink {
namespace {

constexpr std::array kExtackFields = {
    Field{NLMSGERR_ATTR_MSG, Field::kAnySize, "NLMSGERR_ATTR_MSG"},
    Field{NLMSGERR_ATTR_OFFS, sizeof(std::uint32_t), "NLMSGERR_ATTR_OFFS"},
};

struct Extack {
  std::string sentence;
  std::optional<std::uint32_t> offset;
};

Extack read_extack(const nlmsghdr& message, Bytes attributes) {
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  const auto extack = Attributes::parse(attributes, kExtackFields);
  if (!extack) return {};
  return {.sentence = extack->text(NLMSGERR_ATTR_MSG), .offset = extack->number<std::uint32_t>(NLMSGERR_ATTR_OFFS)};
}

// " (extack: the kernel's sentence, at byte 48)", or as much of it as there is.
std::string to_text(const Extack& extack) {
  if (extack.sentence.empty()) return "";
  return " (extack: " + extack.sentence +
         (extack.offset ? ", at byte " + std::to_string(*extack.offset) : std::string()) + ")";
}

}  // namespace

void Answers::read(Bytes datagram) {
  while (!complete_ && !datagram.empty()) {
    const auto* message = static_cast<const nlmsghdr*>(static_cast<const void*>(datagram.data()));
    if (!mnl_nlmsg_ok(message, static_cast<int>(datagram.size()))) {
      return finish(system_error(EBADMSG, "netlink answer is cut short"));
    }
    read_message(*message);
    datagram = datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(message->nlmsg_len), datagram.size()));
  }
}

void Answers::read_message(const nlmsghdr& message) {
  if (message.nlmsg_seq != sequence_ || message.nlmsg_pid != port_) return;
  if ((message.nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted_ = true;
  if (message.nlmsg_type == NLMSG_ERROR) return acknowledge(message);
  if (message.nlmsg_type == NLMSG_DONE) return end_dump(message);
  if (message.nlmsg_type < NLMSG_MIN_TYPE || !handler_ || !result_) return;
  if (auto handled = handler_(message); !handled) fail(std::move(handled.error()));
}

void Answers::acknowledge(const nlmsghdr& message) {
  const auto body = body_of<nlmsgerr>(message);
  if (!body) return finish(std::unexpected(body.error()));
  // An uncapped answer repeats the whole request before the extack attributes.
  const bool capped = (message.nlmsg_flags & NLM_F_CAPPED) != 0;
  const std::size_t request = body->fixed.msg.nlmsg_len;
  const std::size_t repeated = capped || request < sizeof(nlmsghdr) ? 0 : NLMSG_ALIGN(request - sizeof(nlmsghdr));
  finish(body->fixed.error, message, body->attributes.subspan(std::min(repeated, body->attributes.size())));
}

void Answers::end_dump(const nlmsghdr& message) {
  if (payload_of(message).empty()) return finish({});
  const auto body = body_of<int>(message);
  if (!body) return finish(std::unexpected(body.error()));
  finish(body->fixed, message, body->attributes);
}

void Answers::finish(int code, const nlmsghdr& message, Bytes attributes) {
  const Extack extack = read_extack(message, attributes);
  sentence_ = extack.sentence;
  if (code == 0) return finish({});
  Error error = system_error(code, "").error();
  error.text = std::generic_category().message(error.code) + to_text(extack);
  finish(std::unexpected(std::move(error)));
}

void Answers::finish(Result<void> result) {
  complete_ = true;
  if (!result) return fail(std::move(result.error()));
  if (interrupted_) fail(system_error(EINTR, "the list changed while it was read").error());
}

void Answers::fail(Error error) {
  if (result_) result_ = std::unexpected(std::move(error));
}

}  // namespace rxf::netlink
