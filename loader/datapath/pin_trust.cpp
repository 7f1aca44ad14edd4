// SPDX-License-Identifier: GPL-2.0-only
#include "loader/datapath/pin_trust.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace rxf::datapath {
namespace {

constexpr mode_t kMode = 0700;
constexpr mode_t kWritableByOthers = S_IWGRP | S_IWOTH;

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
  return text.data();
}

// Empty where nothing is wrong.
std::string distrust(const struct stat& info, const std::string& path) {
  if (S_ISLNK(info.st_mode))
    return path + " is a symbolic link, which rxfilter has not made and does not follow: remove it (rm " + path + ")";
  if (!S_ISDIR(info.st_mode))
    return path + " is no directory, and rxfilter has not made it: remove it (rm " + path + ")";
  if (info.st_uid != 0 && info.st_uid != ::geteuid())
    return path + " belongs to user " + std::to_string(info.st_uid) +
           ", who could change what is pinned in it: look at it, and remove it or move it away";
  if ((info.st_mode & kWritableByOthers) != 0)
    return path + " may be written to by others (mode " + octal(info.st_mode) + "): look at it, and run chmod go-w " +
           path;
  return {};
}

std::unexpected<Error> distrusted(std::string text) {
  return std::unexpected(Error{.text = std::move(text), .code = EPERM});
}

Result<void> check_trusted(int at, const std::string& name, const std::string& path) {
  struct stat info {};
  if (::fstatat(at, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return system_error(errno, "open " + path);
  if (auto wrong = distrust(info, path); !wrong.empty()) return distrusted(std::move(wrong));
  return {};
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

// What it is first, without opening it: to open a foreign file can have effects.
Result<Fd> open_trusted(int at, const std::string& name, const std::string& path) {
  if (auto trusted = check_trusted(at, name, path); !trusted) return std::unexpected(trusted.error());
  Fd fd(::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return system_error(errno, "open " + path);
  if (auto wrong = distrust(info, path); !wrong.empty()) return distrusted(std::move(wrong));
  return fd;
}

Result<Fd> make_trusted_root(const std::string& root) {
  if (::mkdir(root.c_str(), kMode) != 0 && errno != EEXIST)
    return system_error(errno, "make the pin directory " + root);
  return open_trusted(AT_FDCWD, root, root);
}

// Through a descriptor of its own: the directory's position is that of the open file.
Result<std::vector<std::string>> names_in(const Fd& directory, const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> stream(
      ::fdopendir(::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (stream == nullptr) return system_error(errno, "read " + path);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return system_error(errno, "read " + path);
  std::ranges::sort(names);
  return names;
}

Result<RootEntries> root_entries(const std::string& root) {
  RootEntries found;
  const auto fd = open_trusted(AT_FDCWD, root, root);
  if (!fd && fd.error().code == ENOENT) return found;
  if (!fd) return std::unexpected(fd.error());
  const auto names = names_in(*fd, root);
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    const std::string path = root + "/" + name;
    const auto trusted = check_trusted(fd->get(), name, path);
    if (trusted)
      found.trusted.push_back(path);
    else if (trusted.error().code != ENOENT)
      found.foreign.push_back({.path = path, .problem = trusted.error().text});
  }
  return found;
}

}  // namespace rxf::datapath
