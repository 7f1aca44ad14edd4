// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace rxf::test {

// A program that runs beside the test, in the calling thread's namespaces.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> environment;  // NAME=VALUE, beside and before the caller's own
    std::string error_file = "/dev/null";  // appended to; the other two standard streams are empty
    std::vector<int> kept;                 // fds that it gets, under the same numbers
  };

  // Throws std::system_error where it cannot be started.
  explicit ChildProcess(const std::vector<std::string>& argv) : ChildProcess(argv, Options{}) {}
  ChildProcess(const std::vector<std::string>& argv, const Options& options);
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // -1 when it has been waited for.
  [[nodiscard]] pid_t pid() const { return pid_; }

  void signal(int number) const;

  // SIGKILL, and waits for its end: what the kernel undoes for it is then undone.
  void kill();

  // Its exit status, or 128 + the signal that ended it.
  int wait();

 private:
  pid_t pid_ = -1;
};

}  // namespace rxf::test
