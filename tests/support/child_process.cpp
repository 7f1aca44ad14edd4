// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "tests/support/system_call.h"

namespace rxf::test {

namespace {

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The first one of a name counts.
std::vector<std::string> environment_of(const ChildProcess::Options& options) {
  std::vector<std::string> all = options.environment;
  for (char** own = environ; *own != nullptr; ++own) all.emplace_back(*own);
  return all;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& argv, const Options& options) {
  std::vector<std::string> arguments = argv;
  std::vector<std::string> environment = environment_of(options);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO})
    posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
  constexpr mode_t kMode = 0600;
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, options.error_file.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   kMode);
  // Onto itself: it loses its FD_CLOEXEC.
  for (const int fd : options.kept) posix_spawn_file_actions_adddup2(&actions, fd, fd);
  const int error = posix_spawn(&pid_, argv.front().c_str(), &actions, nullptr, pointers_to(arguments).data(),
                                pointers_to(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), "start " + argv.front());
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) kill();
}

void ChildProcess::signal(int number) const { checked(::kill(pid_, number), "kill"); }

void ChildProcess::kill() {
  ::kill(pid_, SIGKILL);
  wait();
}

int ChildProcess::wait() {
  int status = 0;
  pid_t ended = 0;
  do ended = waitpid(pid_, &status, 0);
  while (ended < 0 && errno == EINTR);
  pid_ = -1;
  checked(ended, "waitpid");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace rxf::test
