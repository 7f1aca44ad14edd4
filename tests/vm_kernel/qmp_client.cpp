// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/qmp_client.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

constexpr int kPatienceMs = 30000;

void write_all(const Fd& port, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(port.get(), text.data(), text.size());
    checked(static_cast<int>(written), "write to the monitor");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string port_device(const std::string& wanted) {
  for (const auto& port : std::filesystem::directory_iterator("/sys/class/virtio-ports")) {
    std::string name;
    std::ifstream(port.path() / "name") >> name;
    if (name == wanted) return "/dev/" + port.path().filename().string();
  }
  throw std::runtime_error("this machine has no virtio-serial port \"" + wanted + "\"");
}

}  // namespace

QmpClient::QmpClient(Fd port) : port_(std::move(port)) {
  const nlohmann::json answer = answer_to("qmp_capabilities", nlohmann::json::object());
  if (answer.contains("return")) return;
  // Out of place where it has been done.
  if (answer.at("error").at("class") != "CommandNotFound") throw std::runtime_error("QMP: " + answer.dump());
}

nlohmann::json QmpClient::execute(const std::string& command, const nlohmann::json& arguments) {
  const nlohmann::json answer = answer_to(command, arguments);
  if (!answer.contains("return")) throw std::runtime_error("QMP " + command + ": " + answer.dump());
  return answer.at("return");
}

nlohmann::json QmpClient::answer_to(const std::string& command, const nlohmann::json& arguments) {
  const std::string id = std::to_string(getpid()) + "-" + std::to_string(++last_id_);
  const nlohmann::json request = {{"execute", command}, {"arguments", arguments}, {"id", id}};
  write_all(port_, request.dump() + "\n");
  for (;;) {
    // What an earlier client left unread may begin in the middle of a line.
    const auto message = nlohmann::json::parse(read_line(), nullptr, false);
    if (!message.is_discarded() && message.value("id", "") == id) return message;
  }
}

std::string QmpClient::read_line() {
  for (std::size_t end = 0; (end = pending_.find('\n')) == std::string::npos;) {
    pollfd readable{port_.get(), POLLIN, 0};
    if (checked(poll(&readable, 1, kPatienceMs), "wait for the monitor") == 0)
      throw std::runtime_error("QMP: no answer");
    std::array<char, 65536> buffer;
    const ssize_t length = read(port_.get(), buffer.data(), buffer.size());
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

QmpClient& machine_monitor() {
  static QmpClient monitor(checked_fd(open(port_device("qmp").c_str(), O_RDWR | O_CLOEXEC), "open the monitor"));
  return monitor;
}

}  // namespace rxf::test
