// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <memory>

struct foreign_action;

namespace rxf::test {

// Somebody else's tc filters on ingress hooks of devices of the calling thread's namespace. They stay when this goes.
class ForeignActions {
 public:
  enum class Action { continues, ends };

  // Throws std::system_error.
  ForeignActions();

  // With a clsact of its own making where there is none. Throws std::system_error.
  void add(std::uint32_t ifindex, std::uint32_t priority, Action action);
  // Nothing happens where it is gone. The clsact stays.
  static void remove(std::uint32_t ifindex, std::uint32_t priority);

 private:
  struct Destroy {
    void operator()(foreign_action* skeleton) const;
  };

  std::unique_ptr<foreign_action, Destroy> skeleton_;
};

}  // namespace rxf::test
