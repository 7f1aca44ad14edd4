// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "loader/netlink/message.h"
#include "tests/support/api_table.h"

namespace rxf::test {

using Buffer = std::vector<std::uint8_t>;

// Messages by their bytes, with the attributes as they are. `flags` come beside NLM_F_REQUEST.
Buffer link_message(std::uint16_t type, int flags, std::uint32_t ifindex, std::initializer_list<Buffer> attributes);
Buffer u32_attribute(std::uint16_t type, std::uint32_t value);
Buffer text_attribute(std::uint16_t type, const std::string& text);
Buffer nest_attribute(std::uint16_t type, const Buffer& inside);

// One message that came.
struct Said {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  // RTM_NEWLINK
  std::uint32_t ifindex = 0;
  std::vector<Buffer> filters;  // each IFLA_RX_FILTER, header included, with number 66
  // NLMSG_ERROR and NLMSG_DONE
  int code = 0;  // errno
  std::string words;
  std::optional<std::uint32_t> offset;  // from the request's first byte
};

struct ApiAnswer {
  std::vector<Said> links;
  Said end;  // ACK, error or end of the dump

  // Of that link.
  [[nodiscard]] std::vector<Buffer> filters(std::uint32_t ifindex) const;
};

// One connection to an API. Throws std::runtime_error where an answer does not come in seconds, or is not one.
class RawApiClient {
 public:
  explicit RawApiClient(const ApiUnderTest& api) : attribute_(api.attribute), channel_(api.open()) {}

  // An attribute of the golden vectors, with the number that it has there.
  [[nodiscard]] Buffer numbered(Buffer attribute) const;

  // Sends the messages in one packet, each to be acknowledged; their answers.
  std::vector<ApiAnswer> ask_all(std::vector<Buffer> messages);
  ApiAnswer ask(const Buffer& message) { return ask_all({message}).front(); }
  // As it is.
  void send(const Buffer& packet) { channel_->send(packet); }

  void subscribe() { channel_->subscribe(); }
  // What came and answers no ask(), since the last call.
  std::vector<Said> unasked();
  // What was announced of that link's filter since the last call, if anything is within that time.
  std::vector<Buffer> announced(std::uint32_t ifindex, std::chrono::milliseconds patience);

 private:
  void read(const ApiChannel::Packet& packet);
  [[nodiscard]] Said said(const nlmsghdr& message) const;

  std::uint16_t attribute_;
  std::unique_ptr<ApiChannel> channel_;
  std::uint32_t sequence_ = 0;
  std::vector<Said> said_;
};

}  // namespace rxf::test
