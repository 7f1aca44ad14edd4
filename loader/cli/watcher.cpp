// SPDX-License-Identifier: GPL-2.0-only
#include "loader/cli/watcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "loader/netlink/links.h"
#include "loader/netlink/socket.h"

namespace rxf::cli {

namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int kTerminalSignals[] = {SIGHUP, SIGINT, SIGQUIT};

// Inherited files would keep locks, pipes and file systems of whoever started us.
void leave_everything() {
  ::setsid();
  for (const int signal : kTerminalSignals) ::signal(signal, SIG_IGN);
  if (::chdir("/") != 0) ::_exit(EXIT_FAILURE);
  const int nothing = ::open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, stream);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
}

void sleep_until(std::uint64_t time) {
  for (std::uint64_t now = mirror::boot_now(); now < time; now = mirror::boot_now()) {
    const timespec left{.tv_sec = static_cast<time_t>((time - now) / kNanosecondsPerSecond),
                        .tv_nsec = static_cast<long>((time - now) % kNanosecondsPerSecond)};
    ::clock_nanosleep(CLOCK_BOOTTIME, 0, &left, nullptr);
  }
}

// It keeps its ifindex whatever it is called at that time. One that cannot be found is for the attach to complain
// about.
netlink::LinkName lasting_name(const std::string& device) {
  auto socket = netlink::Socket::open();
  const auto link = socket ? netlink::link_by_name(*socket, device) : std::unexpected(socket.error());
  return link ? netlink::LinkName{.ifindex = link->ifindex} : netlink::LinkName{.name = device};
}

[[noreturn]] void watch(const mirror::Context& context, const netlink::LinkName& device, std::uint64_t confirm_by) {
  leave_everything();
  sleep_until(confirm_by);
  const auto undone = mirror::undo_unconfirmed(context, device, confirm_by);
  ::_exit(undone ? EXIT_SUCCESS : EXIT_FAILURE);
}

void end(pid_t watcher) {
  ::kill(watcher, SIGKILL);
  ::waitpid(watcher, nullptr, 0);
}

}  // namespace

// Until it ignores them, the signals of a terminal that goes just now must not reach it.
Result<std::function<void()>> start_watcher(const mirror::Context& context, const std::string& device,
                                            std::uint64_t confirm_by) {
  std::error_code error;
  const mirror::Context from_anywhere{.bpffs = std::filesystem::absolute(context.bpffs, error)};
  if (error) return system_error(error.value(), context.bpffs);

  const netlink::LinkName lasting = lasting_name(device);
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  for (const int signal : kTerminalSignals) ::sigaddset(&blocked, signal);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  const pid_t watcher = ::fork();
  const int code = errno;
  if (watcher == 0) watch(from_anywhere, lasting, confirm_by);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (watcher < 0) return system_error(code, "start a process that undoes it, unless it is confirmed");
  return [watcher] { end(watcher); };
}

}  // namespace rxf::cli
