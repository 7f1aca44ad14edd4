// SPDX-License-Identifier: GPL-2.0-only
#include "tools/guest/follow_lock.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace rxf::guest {

namespace {

constexpr mode_t kForItsOwner = 0600;

std::string lock_path(const std::string& directory, const std::string& upper) {
  return directory + "/" + upper + ".lock";
}

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

Result<FollowLock> FollowLock::take(const std::string& directory, const std::string& upper) {
  const std::string path = lock_path(directory, upper);
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kForItsOwner));
  if (!fd && errno == EACCES) return system_error(errno, path + " is another user's: remove it, or give --state DIR");
  if (!fd) return system_error(errno, path);
  struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0) return FollowLock(std::move(fd));
  if (errno != EAGAIN && errno != EACCES) return system_error(errno, path);
  return std::unexpected(Error{.text = upper + ": another process follows it already (" + path +
                                       " is locked): see rxfilter-guest status " + upper,
                               .code = EBUSY});
}

std::optional<bool> is_followed(const std::string& directory, const std::string& upper) {
  const Fd fd(::open(lock_path(directory, upper).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return errno == ENOENT ? std::optional(false) : std::nullopt;
  struct flock lock = whole_file(F_RDLCK);
  if (::fcntl(fd.get(), F_OFD_GETLK, &lock) != 0) return std::nullopt;
  return lock.l_type != F_UNLCK;
}

}  // namespace rxf::guest
