// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/raw_api_client.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "loader/netlink/rx_filter_codec.h"

namespace rxf::test {
namespace {

constexpr std::chrono::seconds kPatience{60};

template <class T>
Buffer bytes_of(const T& object) {
  Buffer bytes(sizeof object);
  std::memcpy(bytes.data(), &object, sizeof object);
  return bytes;
}

void append(Buffer& bytes, const Buffer& more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

void pad(Buffer& bytes) { bytes.resize(NLA_ALIGN(bytes.size())); }

Buffer attribute_of(int type, const Buffer& payload) {
  Buffer bytes = bytes_of(nlattr{.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + payload.size()),
                                 .nla_type = static_cast<std::uint16_t>(type)});
  append(bytes, payload);
  pad(bytes);
  return bytes;
}

void put_header(Buffer& message, const nlmsghdr& header) { std::ranges::copy(bytes_of(header), message.begin()); }

nlmsghdr header_of(const Buffer& message) { return netlink::read_object<nlmsghdr>(message).value(); }

bool ends_an_answer(const Said& said) { return said.type == NLMSG_ERROR || said.type == NLMSG_DONE; }

void read_extack(netlink::Bytes attributes, Said& said) {
  while (const auto attribute = netlink::take_attribute(attributes)) {
    if (attribute->type == NLMSGERR_ATTR_MSG)
      said.words.assign(attribute->payload.begin(), std::ranges::find(attribute->payload, 0));
    if (attribute->type == NLMSGERR_ATTR_OFFS) said.offset = netlink::read_object<std::uint32_t>(attribute->payload);
  }
}

template <class Body>
netlink::Body<Body> must_be(const nlmsghdr& message) {
  const auto body = netlink::body_of<Body>(message);
  if (!body) throw std::runtime_error(body.error().text);
  return *body;
}

// `numbers` are of messages whose answers are collected.
std::vector<ApiAnswer> collected(std::vector<Said>& said, std::uint32_t first, std::size_t count) {
  std::vector<ApiAnswer> answers(count);
  const auto is_answer = [&](const Said& one) { return one.sequence >= first && one.sequence - first < count; };
  for (Said& one : said) {
    if (!is_answer(one)) continue;
    ApiAnswer& answer = answers[one.sequence - first];
    if (ends_an_answer(one))
      answer.end = one;
    else
      answer.links.push_back(one);
  }
  std::erase_if(said, is_answer);
  return answers;
}

}  // namespace

Buffer link_message(std::uint16_t type, int flags, std::uint32_t ifindex, std::initializer_list<Buffer> attributes) {
  Buffer message(NLMSG_HDRLEN);
  append(message, bytes_of(ifinfomsg{.ifi_index = static_cast<int>(ifindex)}));
  for (const Buffer& attribute : attributes) {
    pad(message);
    append(message, attribute);
  }
  put_header(message, {.nlmsg_len = static_cast<std::uint32_t>(message.size()),
                       .nlmsg_type = type,
                       .nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST)});
  return message;
}

Buffer u32_attribute(std::uint16_t type, std::uint32_t value) { return attribute_of(type, bytes_of(value)); }

Buffer text_attribute(std::uint16_t type, const std::string& text) {
  Buffer payload(text.begin(), text.end());
  payload.push_back(0);
  return attribute_of(type, payload);
}

Buffer nest_attribute(std::uint16_t type, const Buffer& inside) { return attribute_of(type | NLA_F_NESTED, inside); }

std::vector<Buffer> ApiAnswer::filters(std::uint32_t ifindex) const {
  std::vector<Buffer> all;
  for (const Said& link : links)
    if (link.ifindex == ifindex) all.insert(all.end(), link.filters.begin(), link.filters.end());
  return all;
}

Buffer RawApiClient::numbered(Buffer attribute) const {
  auto header = netlink::read_object<nlattr>(attribute).value();
  header.nla_type = static_cast<std::uint16_t>((header.nla_type & ~NLA_TYPE_MASK) | attribute_);
  std::ranges::copy(bytes_of(header), attribute.begin());
  return attribute;
}

std::vector<ApiAnswer> RawApiClient::ask_all(std::vector<Buffer> messages) {
  const std::uint32_t first = sequence_ + 1;
  Buffer packet;
  for (Buffer& message : messages) {
    nlmsghdr header = header_of(message);
    header.nlmsg_seq = ++sequence_;
    if ((header.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) header.nlmsg_flags |= NLM_F_ACK;
    put_header(message, header);
    pad(packet);
    append(packet, message);
  }
  channel_->send(packet);
  const auto answered = [&](const Said& one) { return ends_an_answer(one) && one.sequence >= first; };
  while (static_cast<std::size_t>(std::ranges::count_if(said_, answered)) < messages.size()) {
    const auto answer = channel_->receive(kPatience);
    if (!answer || answer->empty()) throw std::runtime_error("no answer");
    read(*answer);
  }
  return collected(said_, first, messages.size());
}

std::vector<Said> RawApiClient::unasked() {
  while (const auto packet = channel_->receive(std::chrono::milliseconds(0))) {
    if (packet->empty()) throw std::runtime_error("the connection has ended");
    read(*packet);
  }
  return std::exchange(said_, {});
}

std::vector<Buffer> RawApiClient::announced(std::uint32_t ifindex, std::chrono::milliseconds patience) {
  // What was there before the answer to this was announced before.
  ask(link_message(RTM_GETLINK, 0, ifindex, {}));
  const auto about_it = [&](const Said& one) { return one.ifindex == ifindex && !one.filters.empty(); };
  while (std::ranges::none_of(said_, about_it)) {
    const auto packet = channel_->receive(patience);
    if (!packet) break;
    read(*packet);
  }
  std::vector<Buffer> filters;
  for (const Said& one : unasked())
    if (about_it(one)) filters.insert(filters.end(), one.filters.begin(), one.filters.end());
  return filters;
}

void RawApiClient::read(const ApiChannel::Packet& packet) {
  netlink::Bytes rest = packet;
  while (!rest.empty()) {
    const auto* message = static_cast<const nlmsghdr*>(static_cast<const void*>(rest.data()));
    if (!mnl_nlmsg_ok(message, static_cast<int>(rest.size()))) throw std::runtime_error("an answer is cut short");
    said_.push_back(said(*message));
    rest = rest.subspan(std::min<std::size_t>(NLMSG_ALIGN(message->nlmsg_len), rest.size()));
  }
}

Said RawApiClient::said(const nlmsghdr& message) const {
  Said said{.type = message.nlmsg_type, .flags = message.nlmsg_flags, .sequence = message.nlmsg_seq};
  if (message.nlmsg_type == RTM_NEWLINK) {
    const auto body = must_be<ifinfomsg>(message);
    said.ifindex = static_cast<std::uint32_t>(body.fixed.ifi_index);
    netlink::Bytes rest = body.attributes;
    while (const auto attribute = netlink::take_attribute(rest))
      if (attribute->type == attribute_)
        said.filters.push_back(attribute_of(netlink::kIflaRxFilter | attribute->flags,
                                            {attribute->payload.begin(), attribute->payload.end()}));
  } else if (message.nlmsg_type == NLMSG_ERROR) {
    const auto body = must_be<nlmsgerr>(message);
    said.code = -body.fixed.error;
    if ((said.flags & NLM_F_ACK_TLVS) != 0) read_extack(body.attributes, said);
  } else if (message.nlmsg_type == NLMSG_DONE) {
    said.code = -must_be<int>(message).fixed;
  }
  return said;
}

}  // namespace rxf::test
