// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <regex>

#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

constexpr std::size_t kMaxRecord = 8192;  // CONSOLE_EXT_LOG_MAX
constexpr std::size_t kMaxSplatLines = 100;
constexpr const char* kLostLines = "kernel log: lines were lost before they were read";

// "6,1234,5678901,-;text\n KEY=value\n"
std::string text_of(std::string_view record) {
  const std::size_t start = record.find(';');
  if (start == std::string_view::npos) return std::string(record);
  const std::size_t end = record.find('\n', start);
  return std::string(record.substr(start + 1, end - start - 1));
}

bool begins_splat(const std::string& line) {
  static const std::regex kSplat(
      "BUG:|WARNING:|------------\\[ cut here|Oops|kernel BUG at|Kernel panic|general protection fault|"
      "possible circular locking|suspicious RCU|sleeping function|KASAN:|KFENCE:|UBSAN:|refcount_t|"
      "unregister_netdevice: waiting|rtnl: assertion|RTNL: assertion|INFO: task .* blocked|"
      "INFO: trying to register non-static key|turning off the locking correctness validator|"
      "kmemleak: [0-9]+ new suspected|kmemleak: .*disabled|kernel log: lines were lost");
  return std::regex_search(line, kSplat);
}

}  // namespace

KernelLog::KernelLog() : kmsg_(checked_fd(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), "open /dev/kmsg")) {
  checked(static_cast<int>(lseek(kmsg_.get(), 0, SEEK_SET)), "rewind /dev/kmsg");
}

std::vector<std::string> KernelLog::read() {
  std::vector<std::string> lines;
  std::array<char, kMaxRecord> buffer;
  for (;;) {
    const ssize_t length = ::read(kmsg_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EAGAIN) return lines;
    if (length < 0 && errno == EPIPE) {
      lines.emplace_back(kLostLines);
      continue;
    }
    checked(static_cast<int>(length), "read /dev/kmsg");
    lines.push_back(text_of({buffer.data(), static_cast<std::size_t>(length)}));
  }
}

void write_to_kernel_log(const std::string& line) {
  // Without its end the line would wait for a continuation, unread.
  const std::string whole = line + "\n";
  const Fd kmsg = checked_fd(open("/dev/kmsg", O_WRONLY | O_CLOEXEC), "open /dev/kmsg");
  checked(static_cast<int>(write(kmsg.get(), whole.data(), whole.size())), "write /dev/kmsg");
}

std::string splat_in(const std::vector<std::string>& lines) {
  const auto first = std::ranges::find_if(lines, begins_splat);
  const auto count = std::min<std::size_t>(kMaxSplatLines, static_cast<std::size_t>(lines.end() - first));
  std::string splat;
  for (auto line = first; line != first + static_cast<std::ptrdiff_t>(count); ++line) splat += *line + "\n";
  return splat;
}

}  // namespace rxf::test
