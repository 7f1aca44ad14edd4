// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/pin_directory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace rxf::datapath {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUsualBpffs = "/sys/fs/bpf";
constexpr std::string_view kEscaped = ".%@";

std::string escape(std::string_view device) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string name;
  for (const char c : device) {
    if (!kEscaped.contains(c)) {
      name += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    name += '%';
    name += kHex[byte >> 4];
    name += kHex[byte & 15];
  }
  return name;
}

std::string unescape(std::string_view name) {
  std::string device;
  for (std::size_t i = 0; i < name.size(); ++i) {
    unsigned byte = 0;
    if (name[i] == '%' && i + 2 < name.size() &&
        std::from_chars(name.data() + i + 1, name.data() + i + 3, byte, 16).ec == std::errc{}) {
      device += static_cast<char>(byte);
      i += 2;
    } else {
      device += name[i];
    }
  }
  return device;
}

bool is_bpffs(const std::string& path) {
  struct statfs info {};
  return ::statfs(path.c_str(), &info) == 0 && static_cast<std::uint32_t>(info.f_type) == BPF_FS_MAGIC;
}

std::optional<dev_t> device_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return info.st_dev;
}

pid_t parent_of(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::stringstream all;
  all << stat.rdbuf();
  const std::string text = all.str();
  const auto end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return 0;
  std::istringstream rest(text.substr(end_of_name + 1));
  std::string state;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

std::string mount_namespace_of(const std::string& process) {
  std::error_code error;
  return fs::read_symlink("/proc/" + process + "/ns/mnt", error);
}

// The mount namespace that outlives this command is that of the outermost ancestor we may look at: init, where allowed.
// If it is another one, the same file system must be at the same place there.
bool outlives_us(const std::string& bpffs) {
  std::string outermost = "self";
  for (pid_t pid = ::getppid(); pid > 0; pid = parent_of(pid))
    if (!mount_namespace_of(std::to_string(pid)).empty()) outermost = std::to_string(pid);
  return mount_namespace_of(outermost) == mount_namespace_of("self") ||
         device_of("/proc/" + outermost + "/root" + bpffs) == device_of(bpffs);
}

Result<void> mount_bpffs(const std::string& path) {
  if (::mount("bpf", path.c_str(), "bpf", 0, "mode=0700") != 0)
    return system_error(errno, "mount a bpffs at " + path + " (maps are pinned there)");
  return {};
}

// Named device and inode: after a wait for the lock the directory may be another one, or gone.
bool is_still(const Fd& fd, const std::string& path) {
  struct stat ours {};
  struct stat there {};
  return ::fstat(fd.get(), &ours) == 0 && ::stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
         ours.st_dev == there.st_dev;
}

}  // namespace

std::string pin_name(const PinOwner& owner) { return "rxfilter/" + escape(owner.device) + owner.netns_suffix; }

PinDirectory::PinDirectory(std::string bpffs, const PinOwner& owner)
    : parent_(bpffs + "/rxfilter"), path_(std::move(bpffs) + "/" + pin_name(owner)) {}

std::string PinDirectory::device() const {
  const std::string name = fs::path(path_).filename();
  return unescape(name.substr(0, name.find('@')));
}

bool PinDirectory::is_of_namespace(const std::string& netns_suffix) const {
  const std::string name = fs::path(path_).filename();
  const auto at = name.find('@');
  return (at == std::string::npos ? "" : name.substr(at)) == netns_suffix;
}

bool PinDirectory::exists() const { return ::access(path_.c_str(), F_OK) == 0; }

PinDirectory::PinDirectory(const std::string& path) : parent_(fs::path(path).parent_path().string()), path_(path) {}

// A directory that was moved while we waited leaves another one in its place, or none.
Result<Fd> PinDirectory::lock(Access access) const {
  for (;;) {
    Fd fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return system_error(errno, "open " + path_);
    while (::flock(fd.get(), access == Access::write ? LOCK_EX : LOCK_SH) != 0)
      if (errno != EINTR) return system_error(errno, "lock " + path_);
    if (is_still(fd, path_)) return fd;
  }
}

Result<Fd> PinDirectory::try_lock() const {
  Fd fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return system_error(errno, "open " + path_);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return system_error(errno, "lock " + path_);
  if (!is_still(fd, path_)) return system_error(EWOULDBLOCK, "lock " + path_);
  return fd;
}

Result<Fd> PinDirectory::create_and_lock() const {
  for (;;) {
    for (const std::string& directory : {parent_, path_})
      if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
        return system_error(errno, "make the pin directory " + directory);
    auto fd = lock(Access::write);
    if (fd || fd.error().code != ENOENT) return fd;
  }
}

Result<void> PinDirectory::clear() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_, error)) {
    if (::unlink(entry.path().c_str()) != 0) return system_error(errno, "remove " + entry.path().string());
  }
  if (error) return system_error(error.value(), "read " + path_);
  return {};
}

Result<void> PinDirectory::remove() const {
  if (auto done = clear(); !done) return done;
  if (::rmdir(path_.c_str()) != 0) return system_error(errno, "remove " + path_);
  ::rmdir(parent_.c_str());  // stays while other devices have pins
  return {};
}

Result<void> PinDirectory::move_to(const PinDirectory& place) const {
  if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, place.path_.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST && ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, place.path_.c_str(), RENAME_EXCHANGE) == 0)
    return {};
  return system_error(errno, "rename " + path_ + " to " + place.path_);
}

Result<void> check_bpffs(const std::string& bpffs, bool may_mount) {
  if (!is_bpffs(bpffs)) {
    if (!may_mount || bpffs != kUsualBpffs)
      return system_error(ENOENT, bpffs + " is no bpffs: mount -t bpf bpf " + bpffs);
    if (auto mounted = mount_bpffs(bpffs); !mounted) return mounted;
  }
  struct statvfs info {};
  if (::statvfs(bpffs.c_str(), &info) != 0) return system_error(errno, bpffs);
  if ((info.f_flag & ST_RDONLY) != 0)
    return system_error(EROFS,
                        bpffs + " is mounted read-only, maps cannot be pinned there: mount -o remount,rw " + bpffs);
  if (!outlives_us(bpffs))
    return std::unexpected(Error{.text = bpffs + " is a mount of this mount namespace alone and would vanish with it: "
                                                 "instead of `ip netns exec NETNS rxfilter-loader ...` run "
                                                 "`rxfilter-loader -n NETNS ...`",
                                 .code = EXDEV});
  return {};
}

Result<std::vector<std::string>> pin_directories(const std::string& root) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) paths.push_back(entry.path());
  if (error && error != std::errc::no_such_file_or_directory) return system_error(error.value(), "read " + root);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace rxf::datapath
