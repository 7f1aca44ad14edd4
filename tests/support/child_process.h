// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace rxf::test {

// A program that runs beside the test, in the calling thread's namespaces, its three standard streams empty.
class ChildProcess {
 public:
  // Throws std::system_error where it cannot be started.
  explicit ChildProcess(const std::vector<std::string>& argv);
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // SIGKILL, and waits for its end: what the kernel undoes for it is then undone.
  void kill();

  // Its exit status, or 128 + the signal that ended it.
  int wait();

 private:
  pid_t pid_ = -1;
};

}  // namespace rxf::test
