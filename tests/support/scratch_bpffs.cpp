// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/scratch_bpffs.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace rxf::test {
namespace {

namespace fs = std::filesystem;

// The name holds the owner's process id: "rxf-bpffs.PID.XXXXXX".
constexpr std::string_view kPrefix = "rxf-bpffs.";

// The directory goes only after its mount went: a mount that is not in our mount namespace is somebody else's.
bool unmount(const std::string& path) { return umount2(path.c_str(), MNT_DETACH) == 0 && rmdir(path.c_str()) == 0; }

bool owner_is_gone(const std::string& name) {
  const long pid = std::strtol(name.c_str() + kPrefix.size(), nullptr, 10);
  return pid > 0 && kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
}

void remove_leftovers(const fs::path& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kPrefix) && owner_is_gone(name)) unmount(entry.path());
  }
}

}  // namespace

ScratchBpffs::ScratchBpffs() {
  const fs::path directory = fs::temp_directory_path();
  remove_leftovers(directory);

  path_ = directory / (std::string(kPrefix) + std::to_string(getpid()) + ".XXXXXX");
  if (mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp " + path_);
  if (mount("bpf", path_.c_str(), "bpf", 0, "mode=0700") != 0) {
    const int error = errno;
    rmdir(path_.c_str());
    throw std::system_error(error, std::generic_category(), "mount a bpffs on " + path_);
  }
}

ScratchBpffs::~ScratchBpffs() { unmount(path_); }

}  // namespace rxf::test
