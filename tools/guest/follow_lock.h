// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <optional>
#include <string>

#include "loader/model/result.h"
#include "loader/util/fd.h"

namespace rxf::guest {

// Who follows an upper holds this for as long as it does: a lock on DIRECTORY/UPPER.lock, which the kernel gives back
// when the process ends, however it ends. The file stays, and nobody but its owner may open it: who can read a file can
// lock it, and keep others from it.
class FollowLock {
 public:
  // Error with code EBUSY where somebody follows `upper` already.
  static Result<FollowLock> take(const std::string& directory, const std::string& upper);

 private:
  explicit FollowLock(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

// Whether somebody holds the lock; absent for who may not know. Takes it from nobody, not even for a moment.
[[nodiscard]] std::optional<bool> is_followed(const std::string& directory, const std::string& upper);

}  // namespace rxf::guest
