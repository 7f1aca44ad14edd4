// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/guest_control.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

void GuestControl::wait_for_agent(std::chrono::seconds patience) {
  while (next(patience).number != "0") {
  }
}

GuestAnswer GuestControl::ask(const std::string& command) {
  tell(command);
  for (;;) {
    const Said said = next(kPatience);
    if (said.number == std::to_string(number_)) return said.answer;
    if (said.number == "0") throw std::runtime_error("the guest has rebooted, asked: " + command);
  }
}

void GuestControl::tell(const std::string& command) {
  const std::string line = std::to_string(++number_) + " " + command + "\n";
  for (std::size_t done = 0; done < line.size();)
    done += static_cast<std::size_t>(
        checked(static_cast<int>(::send(socket_.get(), line.data() + done, line.size() - done, MSG_NOSIGNAL)),
                "speak to the guest"));
}

GuestControl::Said GuestControl::next(std::chrono::seconds patience) {
  const auto deadline = Clock::now() + patience;
  while (pending_.find('\n') == std::string::npos) receive(deadline);
  const std::size_t begin = pending_.find('\n') + 1;
  std::istringstream header(pending_.substr(0, begin));
  Said said;
  std::size_t size = 0;
  if (!(header >> said.number >> said.answer.status >> size))
    throw std::runtime_error("the guest says " + pending_.substr(0, begin));
  while (pending_.size() < begin + size) receive(deadline);
  said.answer.text = pending_.substr(begin, size);
  pending_.erase(0, begin + size);
  return said;
}

void GuestControl::receive(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (left <= 0 || poll(&readable, 1, static_cast<int>(left)) <= 0)
    throw std::runtime_error("the guest says nothing any more");
  std::array<char, 65536> part;
  const ssize_t size = read(socket_.get(), part.data(), part.size());
  if (size <= 0) throw std::runtime_error("QEMU has ended");
  pending_.append(part.data(), static_cast<std::size_t>(size));
}

}  // namespace rxf::test
