// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "loader/util/fd.h"

namespace rxf::test {

// A fresh network namespace for the calling thread, and what it runs, for as long as this lives; `lo` is up. Its
// devices vanish with its last reference (a socket or an fd keeps it). Made and destroyed on the same thread. Needs
// CAP_SYS_ADMIN; throws std::system_error without. Not being able to return aborts: what came next would work on the
// wrong devices.
class ScratchNamespace {
 public:
  ScratchNamespace();
  ~ScratchNamespace();
  ScratchNamespace(const ScratchNamespace&) = delete;
  ScratchNamespace& operator=(const ScratchNamespace&) = delete;

  // Of the namespace; stays this object's.
  [[nodiscard]] int fd() const { return own_.get(); }

 private:
  Fd home_;
  Fd own_;
};

// Moves the calling thread into another network namespace for a scope. The same terms as above.
class NamespaceSwitch {
 public:
  explicit NamespaceSwitch(int fd);
  ~NamespaceSwitch();
  NamespaceSwitch(const NamespaceSwitch&) = delete;
  NamespaceSwitch& operator=(const NamespaceSwitch&) = delete;

 private:
  Fd home_;
};

// The calling thread's.
Fd current_netns();

}  // namespace rxf::test
