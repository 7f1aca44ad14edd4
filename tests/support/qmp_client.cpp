// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/qmp_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string_view>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kPatienceMs = 30'000;

// A QEMU that has ended is an error, and no signal.
void write_all(const Fd& monitor, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::send(monitor.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK) written = ::write(monitor.get(), text.data(), text.size());
    checked(static_cast<int>(written), "write to the monitor");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

QmpClient::QmpClient(Fd monitor) : monitor_(std::move(monitor)) {
  const Json answer = answer_to("qmp_capabilities", nlohmann::json::object());
  if (answer.contains("return")) return;
  // Out of place where it has been done.
  if (answer.at("error").at("class") != "CommandNotFound") throw std::runtime_error("QMP: " + answer.dump());
}

Json QmpClient::ask(const std::string& command, const nlohmann::json& arguments) {
  const Json answer = answer_to(command, arguments);
  if (!answer.contains("return")) throw std::runtime_error("QMP " + command + ": " + answer.dump());
  return answer.at("return");
}

Json QmpClient::answer_to(const std::string& command, const nlohmann::json& arguments) {
  const std::string id = std::to_string(getpid()) + "-" + std::to_string(++last_id_);
  const nlohmann::json request = {{"execute", command}, {"arguments", arguments}, {"id", id}};
  write_all(monitor_, request.dump() + "\n");
  for (;;) {
    // What an earlier client left unread may begin in the middle of a line.
    Json message = Json::parse(read_line(), nullptr, false);
    if (message.is_discarded()) continue;
    if (message.value("id", "") == id) return message;
    if (message.contains("event")) events_.push_back(std::move(message));
  }
}

std::string QmpClient::read_line() {
  for (std::size_t end = 0; (end = pending_.find('\n')) == std::string::npos;) {
    pollfd readable{monitor_.get(), POLLIN, 0};
    if (checked(poll(&readable, 1, kPatienceMs), "wait for the monitor") == 0)
      throw std::runtime_error("QMP: no answer");
    std::array<char, 65536> buffer;
    const ssize_t length = read(monitor_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (checked(static_cast<int>(length), "read from the monitor") == 0)
      throw std::runtime_error("QMP: nobody at the other end");
    pending_.append(buffer.data(), static_cast<std::size_t>(length));
  }
  const std::size_t end = pending_.find('\n');
  std::string line = pending_.substr(0, end);
  pending_.erase(0, end + 1);
  return line;
}

}  // namespace rxf::test
