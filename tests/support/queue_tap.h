// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "loader/util/fd.h"

namespace rxf::test {

// A tap device, made for as long as this lives, with so many queues, up: a NIC whose wire is in our hands. What is sent
// to a queue is received there, in native XDP where the device has a program.
class QueueTap {
 public:
  // In the calling thread's network namespace. Throws std::system_error.
  QueueTap(const std::string& name, unsigned queues);

  // Throws std::system_error.
  void send(unsigned queue, std::span<const std::uint8_t> frame);
  // False where the device has no room.
  bool try_send(unsigned queue, std::span<const std::uint8_t> frame);

 private:
  std::vector<Fd> queues_;
};

}  // namespace rxf::test
