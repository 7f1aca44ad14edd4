// SPDX-License-Identifier: GPL-2.0-only
#include "tests/vm_kernel/debugfs.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "loader/util/fd.h"
#include "tests/support/system_call.h"

namespace rxf::test {
namespace {

constexpr const char* kMountPoint = "/sys/kernel/debug";
constexpr auto kLeakAge = std::chrono::seconds(6);  // MSECS_MIN_AGE of mm/kmemleak.c is 5000

Fd open_debugfs(const std::string& file, int flags) {
  // EBUSY: mounted there already.
  if (mount("debugfs", kMountPoint, "debugfs", 0, nullptr) < 0 && errno != EBUSY) checked(-1, "mount debugfs");
  const std::string path = std::string(kMountPoint) + "/" + file;
  return checked_fd(open(path.c_str(), flags | O_CLOEXEC), path);
}

}  // namespace

void write_debugfs(const std::string& file, const std::string& word) {
  const Fd opened = open_debugfs(file, O_WRONLY);
  checked(static_cast<int>(write(opened.get(), word.data(), word.size())), "write " + word + " to " + file);
}

std::string read_debugfs(const std::string& file) {
  const Fd opened = open_debugfs(file, O_RDONLY);
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const int length = checked(static_cast<int>(read(opened.get(), buffer.data(), buffer.size())), "read " + file);
    if (length == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(length));
  }
}

std::string leaks() {
  write_debugfs("kmemleak", "scan");
  std::this_thread::sleep_for(kLeakAge);
  write_debugfs("kmemleak", "scan");
  return read_debugfs("kmemleak");
}

}  // namespace rxf::test
