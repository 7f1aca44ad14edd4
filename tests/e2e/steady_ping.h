// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <netinet/in.h>

#include <chrono>
#include <set>
#include <string>
#include <thread>

#include "loader/util/fd.h"

namespace rxf::test {

// Echo requests (RFC 792), one every kPause, from the calling thread's network namespace to one address, from the start
// to stop().
class SteadyPing {
 public:
  static constexpr std::chrono::milliseconds kPause{100};

  // Throws std::system_error.
  explicit SteadyPing(const std::string& address);
  ~SteadyPing();
  SteadyPing(const SteadyPing&) = delete;
  SteadyPing& operator=(const SteadyPing&) = delete;

  struct Count {
    unsigned sent = 0;
    unsigned lost = 0;  // not answered some seconds after the last one was sent, however late that is
  };
  Count stop();

 private:
  void work(const std::stop_token& stop);
  void send();
  // What is there, or comes in that time.
  void receive(std::chrono::milliseconds time);

  sockaddr_in to_{};
  Fd socket_;
  std::uint16_t sent_ = 0;
  std::set<std::uint16_t> answered_;
  std::jthread worker_;
};

}  // namespace rxf::test
