// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <chrono>
#include <string>

#include "loader/util/fd.h"

namespace rxf::test {

struct GuestAnswer {
  int status = 0;  // an exit status, or the errno of a command of the agent's own
  std::string text;
};

// Our end of a virtio-serial port, with tests/e2e/guest_agent.cpp at the other, which says what it can do. Blocks; a
// guest that says nothing for so long is an error: std::runtime_error.
class GuestControl {
 public:
  static constexpr std::chrono::seconds kPatience{60};

  explicit GuestControl(Fd socket) : socket_(std::move(socket)) {}

  // Until an agent that has just begun says so; what one before it still said is dropped.
  void wait_for_agent(std::chrono::seconds patience = kPatience);

  // "sh ip link", "join eth0 01:00:5e:01:01:01 70" ...
  GuestAnswer ask(const std::string& command);
  // For what ends the agent.
  void tell(const std::string& command);

 private:
  struct Said {
    std::string number;
    GuestAnswer answer;
  };
  Said next(std::chrono::seconds patience);
  void receive(std::chrono::steady_clock::time_point deadline);

  Fd socket_;
  unsigned number_ = 0;
  std::string pending_;
};

}  // namespace rxf::test
