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

#include "loader/datapath/bpf_object.h"
#include "loader/datapath/pin_trust.h"

namespace rxf::datapath {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUsualBpffs = "/sys/fs/bpf";
constexpr std::string_view kEscaped = ".%@";
constexpr const char* kNext = "%next";

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
  return ::fstat(fd.get(), &ours) == 0 && ::lstat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
         ours.st_dev == there.st_dev;
}

// Under which names maps are pinned, the second while one is replaced.
bool is_ours(const std::string& name) {
  return std::ranges::any_of(kMapNames,
                             [&](const char* map) { return name == map || name == map + std::string(kNext); });
}

// Others could put another directory in the place of ours, whoever's it is.
Result<void> check_parent(const std::string& bpffs) {
  struct stat info {};
  if (::stat(bpffs.c_str(), &info) != 0) return system_error(errno, bpffs);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (info.st_mode & S_ISVTX) != 0) return {};
  return std::unexpected(
      Error{.text = "whoever likes may rename what is in " + bpffs + ": chmod +t " + bpffs, .code = EPERM});
}

}  // namespace

std::string pin_root(const std::string& bpffs) { return bpffs + "/rxfilter"; }

std::string pin_name(const PinOwner& owner) { return "rxfilter/" + escape(owner.device) + owner.netns_suffix; }

PinDirectory::PinDirectory(std::string bpffs, const PinOwner& owner)
    : parent_(pin_root(bpffs)), path_(std::move(bpffs) + "/" + pin_name(owner)) {}

std::string PinDirectory::device() const {
  const std::string name = fs::path(path_).filename();
  return unescape(name.substr(0, name.find('@')));
}

bool PinDirectory::is_of_namespace(const std::string& netns_suffix) const {
  const std::string name = fs::path(path_).filename();
  const auto at = name.find('@');
  return (at == std::string::npos ? "" : name.substr(at)) == netns_suffix;
}

bool PinDirectory::exists() const {
  struct stat info {};
  return ::lstat(path_.c_str(), &info) == 0;
}

Result<Fd> PinDirectory::open() const {
  const auto root = open_trusted(AT_FDCWD, parent_, parent_);
  return root ? open_trusted(root->get(), name(), path_) : std::unexpected(root.error());
}

PinDirectory::PinDirectory(const std::string& path) : parent_(fs::path(path).parent_path().string()), path_(path) {}

// A directory that was moved while we waited leaves another one in its place, or none.
Result<Fd> PinDirectory::lock(Access access) const {
  for (;;) {
    auto fd = open();
    if (!fd) return fd;
    while (::flock(fd->get(), access == Access::write ? LOCK_EX : LOCK_SH) != 0)
      if (errno != EINTR) return system_error(errno, "lock " + path_);
    if (is_still(*fd, path_)) return fd;
  }
}

Result<Fd> PinDirectory::try_lock() const {
  auto fd = open();
  if (!fd) return fd;
  if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) return system_error(errno, "lock " + path_);
  if (!is_still(*fd, path_)) return system_error(EWOULDBLOCK, "lock " + path_);
  return fd;
}

Result<Fd> PinDirectory::create_and_lock() const {
  for (;;) {
    const auto root = make_trusted_root(parent_);
    if (!root && root.error().code == ENOENT) continue;
    if (!root) return std::unexpected(root.error());
    if (::mkdirat(root->get(), name().c_str(), 0700) != 0 && errno != EEXIST && errno != ENOENT)
      return system_error(errno, "make the pin directory " + path_);
    auto fd = lock(Access::write);
    if (fd || fd.error().code != ENOENT) return fd;
  }
}

Result<std::vector<std::string>> PinDirectory::clear() const {
  const auto fd = open();
  if (!fd) return std::unexpected(fd.error());
  auto names = names_in(*fd, path_);
  if (!names) return names;
  std::vector<std::string> left;
  for (const std::string& name : *names)
    if (!is_ours(name) || ::unlinkat(fd->get(), name.c_str(), 0) != 0) left.push_back(name);
  return left;
}

Result<void> PinDirectory::make_room() const {
  const auto left = clear();
  if (!left) return std::unexpected(left.error());
  const auto in_the_way = std::ranges::find_if(*left, is_ours);
  if (in_the_way == left->end()) return {};
  return std::unexpected(
      Error{.text = path_ + "/" + *in_the_way + " is no pin, and rxfilter has not made it: remove it", .code = EEXIST});
}

Result<std::vector<std::string>> PinDirectory::remove() const {
  auto left = clear();
  if (!left || !left->empty()) return left;
  const auto root = open_trusted(AT_FDCWD, parent_, parent_);
  if (!root) return std::unexpected(root.error());
  if (::unlinkat(root->get(), name().c_str(), AT_REMOVEDIR) != 0) return system_error(errno, "remove " + path_);
  ::rmdir(parent_.c_str());  // stays while other devices have pins
  return left;
}

Result<std::vector<std::string>> PinDirectory::foreign() const {
  const auto fd = open();
  if (!fd && fd.error().code == ENOENT) return std::vector<std::string>{};
  if (!fd) return std::unexpected(fd.error());
  auto names = names_in(*fd, path_);
  if (names) std::erase_if(*names, is_ours);
  return names;
}

std::string left_note(const PinDirectory& pins, const std::vector<std::string>& left) {
  std::string list;
  for (const std::string& name : left) list += (list.empty() ? "" : ", ") + name;
  return left.empty() ? "" : pins.path() + " was left: it has " + list + ", which rxfilter has not made";
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
  if (auto safe = check_parent(bpffs); !safe) return safe;
  if (!outlives_us(bpffs))
    return std::unexpected(Error{.text = bpffs + " is a mount of this mount namespace alone and would vanish with it: "
                                                 "instead of `ip netns exec NETNS rxfilter-loader ...` run "
                                                 "`rxfilter-loader -n NETNS ...`",
                                 .code = EXDEV});
  return {};
}

Result<std::vector<std::string>> pin_directories(const std::string& root) {
  auto entries = root_entries(root);
  if (!entries) return std::unexpected(entries.error());
  return std::move(entries->trusted);
}

}  // namespace rxf::datapath
