// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "loader/util/fd.h"
#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  checked(pipe2(ends.data(), O_CLOEXEC), "pipe2");
  return {Fd(ends[0]), Fd(ends[1])};
}

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }

  void empty_stdin() { posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0); }
  void connect(const Fd& from, int to) { posix_spawn_file_actions_adddup2(&actions_, from.get(), to); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

pid_t spawn_shell(std::string command, const Fd& out, const Fd& err) {
  FileActions actions;
  actions.empty_stdin();
  actions.connect(out, STDOUT_FILENO);
  actions.connect(err, STDERR_FILENO);

  std::string shell = "sh";
  std::string option = "-c";
  std::array<char*, 4> argv{shell.data(), option.data(), command.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawn(&child, "/bin/sh", actions.get(), nullptr, argv.data(), environ);
  if (error != 0) throw std::system_error(error, std::generic_category(), "start /bin/sh");
  return child;
}

// Appends what is there; false at the end of the stream.
bool read_some(int fd, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t length = read(fd, buffer.data(), buffer.size());
  if (length < 0) return errno == EINTR || errno == EAGAIN;
  into.append(buffer.data(), static_cast<std::size_t>(length));
  return length > 0;
}

// Reads both streams as they come: a child that fills one pipe while we wait on the other would never end.
void read_both(const Fd& out, const Fd& err, CommandResult& result) {
  std::array<pollfd, 2> streams{pollfd{out.get(), POLLIN, 0}, pollfd{err.get(), POLLIN, 0}};
  const std::array<std::string*, 2> texts{&result.out, &result.err};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    if (poll(streams.data(), streams.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (streams[i].revents != 0 && !read_some(streams[i].fd, *texts[i])) streams[i].fd = -1;
    }
  }
}

int wait_status(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

CommandResult run(const std::string& shell_command) {
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  const pid_t child = spawn_shell(shell_command, out.write_end, err.write_end);
  out.write_end = Fd();
  err.write_end = Fd();

  CommandResult result;
  read_both(out.read_end, err.read_end, result);
  result.status = wait_status(child);
  return result;
}

std::string must_run(const std::string& shell_command) {
  CommandResult result = run(shell_command);
  if (result.status != 0) {
    throw std::runtime_error("`" + shell_command + "` ended with " + std::to_string(result.status) + ": " + result.err);
  }
  return result.out;
}

}  // namespace rxf::test
